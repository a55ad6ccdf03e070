package stream

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/sersync/sersync/pkg/stream"
)

// Edge is one edge as the source knows it.
type Edge struct {
	stream.Report
	Heard  time.Time // when the source received the report, by its own clock
	Silent bool      // no report has come for long
}

// Edges are all edges that have reported about a tree.
type Edges struct {
	List []Edge // by name
	// Epoch is that of the last message that the hub was sent; empty before the hub was
	// reached.
	Epoch   string
	Refused uint64 // reports that could not be read

	spans []span // messages of that epoch
}

// mostEdges bounds how many reports are kept, so that somebody who writes keys without end does not
// fill the memory here.
const mostEdges = 20_000

// edges follows the reports of a tree.
type edges struct {
	tree     string
	progress progress

	mu      sync.Mutex
	known   map[string]Edge
	refused uint64
	watcher jetstream.KeyWatcher
	over    chan struct{} // closed when the follower has ended
}

func newEdges(tree string) *edges { return &edges{tree: tree, known: map[string]Edge{}} }

// start begins to follow the reports over a connection, unless it does already.
func (e *edges) start(ctx context.Context, js jetstream.JetStream, _ jetstream.KeyValue) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.watcher != nil {
		return nil
	}
	reports, err := js.KeyValue(ctx, stream.Reports)
	if err != nil {
		return fmt.Errorf("bucket %s: %w", stream.Reports, err)
	}
	w, err := reports.Watch(context.WithoutCancel(ctx), "*."+e.tree)
	if err != nil {
		return fmt.Errorf("follow the reports of edges: %w", err)
	}
	over := make(chan struct{})
	e.watcher, e.over = w, over
	go func() {
		defer close(over)
		for entry := range w.Updates() {
			if entry != nil { // nil: all reports that were stored have come
				e.take(entry)
			}
		}
	}()
	return nil
}

func (e *edges) take(entry jetstream.KeyValueEntry) {
	name, tree, _ := strings.Cut(entry.Key(), ".")
	e.mu.Lock()
	defer e.mu.Unlock()
	if entry.Operation() != jetstream.KeyValuePut {
		delete(e.known, name)
		return
	}
	r, err := stream.DecodeReport(name, tree, entry.Value())
	if err != nil || stream.CheckName(name) != nil {
		e.refused++
		return
	}
	if _, ok := e.known[name]; ok || len(e.known) < mostEdges {
		e.known[name] = Edge{Report: r, Heard: entry.Created()}
	}
}

// stop ends the following; what is known stays.
func (e *edges) stop() {
	e.mu.Lock()
	w, over := e.watcher, e.over
	e.watcher, e.over = nil, nil
	e.mu.Unlock()
	if w != nil {
		_ = w.Stop() // the connection is about to be closed
		<-over
	}
}

func (e *edges) snapshot(now time.Time) Edges {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := Edges{List: make([]Edge, 0, len(e.known)), Refused: e.refused}
	all.Epoch, all.spans = e.progress.now()
	for _, edge := range e.known {
		edge.Silent = now.Sub(edge.Heard) > stream.Silent
		all.List = append(all.List, edge)
	}
	slices.SortFunc(all.List, func(a, b Edge) int { return cmp.Compare(a.Edge, b.Edge) })
	return all
}
