package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/sersync/sersync/pkg/stream"
	"github.com/sersync/sersync/pkg/stream/dial"
)

// Desk is an administrator's connection to a running hub.
type Desk struct {
	conn *nats.Conn
	js   jetstream.JetStream
}

// OpenDesk connects. The caller closes it.
func OpenDesk(ctx context.Context, way dial.Way) (*Desk, error) {
	conn, err := dial.Connect(ctx, way)
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(conn, jetstream.WithDefaultTimeout(askTimeout))
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("use JetStream: %w", err)
	}
	return &Desk{conn, js}, nil
}

// Close ends the connection.
func (d *Desk) Close() { d.conn.Close() }

// Reports are the last reports of all edges, by "edge.tree". None is there before the
// first source has connected.
func (d *Desk) Reports(ctx context.Context) (map[string]Edge, error) {
	all := map[string]Edge{}
	bucket, err := d.js.KeyValue(ctx, stream.Reports)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return all, nil
	}
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", stream.Reports, err)
	}
	w, err := bucket.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, fmt.Errorf("read the reports of edges: %w", err)
	}
	defer w.Stop() //nolint:errcheck // the connection is closed after it
	for {
		select {
		case entry := <-w.Updates():
			if entry == nil {
				return all, nil
			}
			name, tree, _ := strings.Cut(entry.Key(), ".")
			if r, err := stream.DecodeReport(name, tree, entry.Value()); err == nil {
				all[entry.Key()] = Edge{Report: r, Heard: entry.Created()}
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("read the reports of edges: %w", ctx.Err())
		}
	}
}

// Keep removes the reports and announcements of all but these edges.
func (d *Desk) Keep(ctx context.Context, edges []string) error {
	reporter := func(key string) string { name, _, _ := strings.Cut(key, "."); return name }
	mirror := func(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }
	for bucket, edgeOf := range map[string]func(key string) string{stream.Reports: reporter, stream.Mirrors: mirror} {
		kv, err := d.js.KeyValue(ctx, bucket)
		if errors.Is(err, jetstream.ErrBucketNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("bucket %s: %w", bucket, err)
		}
		list, err := kv.ListKeys(ctx)
		if err != nil {
			return fmt.Errorf("list what edges have reported: %w", err)
		}
		for key := range list.Keys() {
			if slices.Contains(edges, edgeOf(key)) {
				continue
			}
			// Not Purge: the buckets take no header that removes messages.
			if err := kv.Delete(ctx, key); err != nil {
				return fmt.Errorf("forget what edge %s has reported: %w", edgeOf(key), err)
			}
		}
	}
	return nil
}

// Release lets the next source that comes publish a tree. Its edges then compare their trees with
// that source.
func (d *Desk) Release(ctx context.Context, tree string) error {
	claims, err := d.js.KeyValue(ctx, stream.Claims)
	if err == nil {
		err = claims.Purge(ctx, tree)
	}
	if err != nil {
		return fmt.Errorf("release tree %s: %w", tree, err)
	}
	return nil
}
