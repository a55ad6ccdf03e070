package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/sersync/sersync/pkg/stream"
	"github.com/sersync/sersync/pkg/stream/dial"
)

// Desk is what an administrator asks of a hub that runs.
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

// Forget removes what an edge has reported and announced.
func (d *Desk) Forget(ctx context.Context, edge string) error {
	for bucket, keys := range map[string]string{stream.Reports: edge + ".*", stream.Mirrors: "*." + edge} {
		kv, err := d.js.KeyValue(ctx, bucket)
		if errors.Is(err, jetstream.ErrBucketNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("bucket %s: %w", bucket, err)
		}
		list, err := kv.ListKeysFiltered(ctx, keys)
		if err != nil {
			return fmt.Errorf("list what edge %s has reported: %w", edge, err)
		}
		for key := range list.Keys() {
			// Not Purge: the buckets take no header that removes messages.
			if err := kv.Delete(ctx, key); err != nil {
				return fmt.Errorf("forget what edge %s has reported: %w", edge, err)
			}
		}
	}
	return nil
}

// Release lets whatever source comes next publish a tree. Its edges compare their
// copies with that one then.
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
