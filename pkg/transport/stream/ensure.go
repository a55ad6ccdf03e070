package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/sersync/sersync/pkg/stream"
)

// Limits are how much of a tree's changes the hub keeps. An edge that was away for longer compares
// its whole tree.
type Limits struct {
	Age      time.Duration
	Bytes    int64
	Replicas int // servers of a cluster that keep each message: 1, 3 or 5
}

// maxMessage is what a message may take; package change stays below it.
const maxMessage = 1 << 20

const (
	// bucketBytes bounds each of the buckets: reports of some thousand edges.
	bucketBytes = 64 << 20
	// entryBytes is what an edge may write under one of its keys, headers included.
	entryBytes = stream.MaxReport + 1<<10
)

func config(tree string, most Limits) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: stream.Name(tree), Description: "changes of " + tree + ", by sersync",
		Subjects: []string{stream.Subjects(tree)}, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
		MaxAge: most.Age, MaxBytes: most.Bytes, MaxMsgSize: maxMessage, Storage: jetstream.FileStorage, Replicas: max(most.Replicas, 1),
		AllowDirect: true, RePublish: &jetstream.RePublish{Source: stream.Subjects(tree), Destination: stream.LivePrefix(tree)},
	}
}

// UnfitError says that a stream of the name exists that edges could not follow.
type UnfitError struct{ Stream, What string }

// Error implements error.
func (e *UnfitError) Error() string { return "stream " + e.Stream + " has " + e.What }

// Remedy is what to do about it.
func (e *UnfitError) Remedy() string {
	const remedy = "change them with the tool of your NATS servers, or remove the stream {stream}: sersync makes it again"
	return strings.ReplaceAll(remedy, "{stream}", e.Stream)
}

// ensure makes the stream of a tree, or checks the one that exists. made says that it is new.
func ensure(ctx context.Context, js jetstream.JetStream, tree string, most Limits) (made bool, err error) {
	want := config(tree, most)
	s, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if _, err := js.CreateStream(ctx, want); err != nil {
			return false, fmt.Errorf("make stream %s: %w", want.Name, err)
		}
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("ask for stream %s: %w", want.Name, err)
	}
	have := s.CachedInfo().Config
	if err := fits(have, want); err != nil {
		return false, err
	}
	if have.MaxAge == want.MaxAge && have.MaxBytes == want.MaxBytes && have.Replicas == want.Replicas {
		return false, nil
	}
	have.MaxAge, have.MaxBytes, have.Replicas = want.MaxAge, want.MaxBytes, want.Replicas
	have.Duplicates = min(have.Duplicates, have.MaxAge)
	if _, err := js.UpdateStream(ctx, have); err != nil {
		return false, fmt.Errorf("set the limits of stream %s: %w", want.Name, err)
	}
	return false, nil
}

// fits tells whether edges can follow the stream that exists. Its limits may differ from the wanted
// ones: ensure sets them.
func fits(have, want jetstream.StreamConfig) error {
	what := ""
	switch {
	case !slices.Contains(have.Subjects, want.Subjects[0]) || len(have.Subjects) != 1:
		what = fmt.Sprintf("the subjects %q instead of %s", have.Subjects, want.Subjects[0])
	case !have.AllowDirect:
		what = "no direct access (allow_direct)"
	case have.RePublish == nil || have.RePublish.Destination != want.RePublish.Destination || have.RePublish.HeadersOnly:
		what = "no republish to " + want.RePublish.Destination
	case have.Storage != jetstream.FileStorage:
		what = "no storage on disk"
	case have.MaxMsgSize > 0 && have.MaxMsgSize < maxMessage:
		what = fmt.Sprintf("messages of %d bytes at most instead of %d", have.MaxMsgSize, maxMessage)
	case have.Retention != jetstream.LimitsPolicy || have.Discard != jetstream.DiscardOld:
		what = "another policy than limits that discard the oldest"
	}
	if what != "" {
		return &UnfitError{want.Name, what}
	}
	return nil
}

// buckets makes the buckets that are missing, and returns that of the claims.
func buckets(ctx context.Context, js jetstream.JetStream, most Limits) (claims jetstream.KeyValue, err error) {
	for _, name := range []string{stream.Reports, stream.Mirrors, stream.Claims} {
		claims, err = js.KeyValue(ctx, name)
		if errors.Is(err, jetstream.ErrBucketNotFound) {
			c := jetstream.KeyValueConfig{
				Bucket: name, History: 1, Storage: jetstream.FileStorage, Replicas: max(most.Replicas, 1), MaxBytes: bucketBytes,
			}
			if name == stream.Mirrors {
				from, to := stream.RepublishMirrors()
				c.RePublish = &jetstream.RePublish{Source: from, Destination: to}
			}
			claims, err = js.CreateKeyValue(ctx, c)
		}
		if err == nil && name != stream.Claims {
			err = restrain(ctx, js, name)
		}
		if err != nil {
			return nil, fmt.Errorf("bucket %s: %w", name, err)
		}
	}
	return claims, nil
}

// restrain makes sure that a client which may write one key of a bucket can do no more than that.
// NATS's own buckets accept a header with which the writer of one key removes all others, and
// values as large as a message.
func restrain(ctx context.Context, js jetstream.JetStream, bucket string) error {
	s, err := js.Stream(ctx, stream.BucketStream(bucket))
	if err != nil {
		return err
	}
	c := s.CachedInfo().Config
	if !c.AllowRollup && c.MaxMsgSize == entryBytes {
		return nil
	}
	c.AllowRollup, c.MaxMsgSize = false, entryBytes
	_, err = js.UpdateStream(ctx, c)
	return err
}
