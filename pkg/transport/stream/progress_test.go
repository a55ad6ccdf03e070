package stream

import (
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/stream"
)

// An edge that has stopped reporting lacks everything that came after its last report, and lacks it
// since the first message after that, however many follow.
func TestSinceWhenAnEdgeLacksSomething(t *testing.T) {
	e := newEdges("web")
	epoch := change.Epoch{1}
	begin := time.Unix(1_700_000_000, 0)
	at := func(d time.Duration) uint64 { return uint64(begin.Add(d).UnixNano()) }
	edge := func(epoch change.Epoch, generation uint64) Edge {
		return Edge{Report: stream.Report{Edge: "e", Tree: "web", Epoch: stream.EpochText(epoch), Generation: generation}}
	}
	lacks := func(who Edge, want time.Duration) {
		t.Helper()
		all := e.snapshot(begin)
		since, lacks := all.Lacks(who)
		if got := since.Sub(begin); want < 0 && lacks || want >= 0 && (!lacks || got > want || got < want-time.Second) {
			t.Errorf("the edge lacks something: %v, since %v; wanted %v", lacks, got, want)
		}
	}
	const nothing = -1
	lacks(edge(epoch, 5), nothing)
	e.progress.began(epoch, at(0))
	lacks(edge(epoch, at(0)), nothing)
	lacks(edge(epoch, at(-time.Second)), 0)
	e.progress.published(epoch, at(400*time.Millisecond))
	lacks(edge(epoch, at(0)), 400*time.Millisecond)
	// A pause after a message that an edge has missed does not hide that message.
	e.progress.published(epoch, at(time.Minute))
	lacks(edge(epoch, at(0)), 400*time.Millisecond)
	lacks(edge(epoch, at(400*time.Millisecond)), time.Minute)
	for d := time.Minute; d <= 2*time.Minute; d += 50 * time.Millisecond {
		e.progress.published(epoch, at(d))
	}
	lacks(edge(epoch, at(time.Minute)), time.Minute+50*time.Millisecond)
	lacks(edge(epoch, at(2*time.Minute)), nothing)
	// The connection is made again, and the stream continues where it was.
	e.progress.began(epoch, at(2*time.Minute))
	lacks(edge(epoch, at(time.Minute)), time.Minute+50*time.Millisecond)
	// The number of remembered messages has a bound.
	for d := 2 * time.Minute; d <= time.Hour; d += 100 * time.Millisecond {
		e.progress.published(epoch, at(d))
	}
	if n := len(e.progress.spans); n > int(stream.Silent/time.Second)+1 {
		t.Errorf("%d spans are remembered", n)
	}
	lacks(edge(epoch, at(time.Minute)), time.Hour-stream.Silent)
	// Of another epoch an edge has nothing.
	next := change.Epoch{2}
	e.progress.published(next, at(2*time.Hour))
	lacks(edge(epoch, at(time.Hour)), 2*time.Hour)
	lacks(edge(next, at(2*time.Hour)), nothing)
}
