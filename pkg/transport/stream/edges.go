package stream

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

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
	newest  time.Time          // of the reports that were taken
	end     context.CancelFunc // of the follower; nil: there is none
	over    chan struct{}      // closed when it has ended
}

func newEdges(tree string) *edges { return &edges{tree: tree, known: map[string]Edge{}} }

// start begins to follow the reports over a connection, unless it does already.
func (e *edges) start(ctx context.Context, conn *nats.Conn, log *zap.Logger) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.end != nil {
		return
	}
	ctx, e.end = context.WithCancel(context.WithoutCancel(ctx))
	over := make(chan struct{})
	e.over = over
	r := &reports{conn: conn, tree: e.tree, take: e.take, log: log}
	go func() {
		defer close(over)
		r.run(ctx)
	}()
}

func (e *edges) take(one report) {
	e.mu.Lock()
	defer e.mu.Unlock()
	again := !one.at.After(e.newest) // all are read again from time to time
	if !again {
		e.newest = one.at
	}
	if one.gone {
		delete(e.known, one.edge)
		return
	}
	r, err := stream.DecodeReport(one.edge, e.tree, one.data)
	if err != nil || stream.CheckName(one.edge) != nil {
		if !again {
			e.refused++
		}
		return
	}
	if _, ok := e.known[one.edge]; ok || len(e.known) < mostEdges {
		e.known[one.edge] = Edge{Report: r, Heard: one.at}
	}
}

// stop ends the following; what is known stays.
func (e *edges) stop() {
	e.mu.Lock()
	end, over := e.end, e.over
	e.end, e.over = nil, nil
	e.mu.Unlock()
	if end != nil {
		end()
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
