package stream

import (
	"slices"
	"sync"
	"time"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/stream"
)

// span are the messages of one second. A generation is the time of its message in ns,
// unless several had one time.
type span struct{ first, last uint64 }

const spanLength = uint64(time.Second)

// progress is how far the source is, and when it was how far: so that it can be told
// since when an edge lacks something, also while messages come without a pause.
type progress struct {
	mu    sync.Mutex
	epoch string // empty before the hub was reached
	spans []span // oldest first, back to stream.Silent before the last one
}

// began notes up to where a stream had come when it was found.
func (p *progress) began(e change.Epoch, generation uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	epoch := stream.EpochText(e)
	if n := len(p.spans); p.epoch == epoch && n > 0 && p.spans[n-1].last >= generation {
		return
	}
	p.epoch, p.spans = epoch, nil
	if generation > 0 {
		p.spans = []span{{generation, generation}}
	}
}

// published notes a message.
func (p *progress) published(e change.Epoch, generation uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if epoch := stream.EpochText(e); p.epoch != epoch {
		p.epoch, p.spans = epoch, nil
	}
	if n := len(p.spans); n > 0 && generation-p.spans[n-1].first < spanLength {
		p.spans[n-1].last = generation
		return
	}
	p.spans = append(p.spans, span{generation, generation})
	old := slices.IndexFunc(p.spans, func(s span) bool { return s.last+uint64(stream.Silent) >= generation })
	p.spans = slices.Delete(p.spans, 0, old)
}

// now is how far the source is.
func (p *progress) now() (epoch string, spans []span) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.epoch, slices.Clone(p.spans)
}

// Lacks tells whether an edge has not reported to have everything that was published, and
// when the first of that was: to a second, and not further back than stream.Silent.
func (e Edges) Lacks(edge Edge) (since time.Time, lacks bool) {
	has := edge.Generation
	if edge.Epoch != e.Epoch {
		has = 0 // nothing of this epoch
	}
	at := slices.IndexFunc(e.spans, func(s span) bool { return s.last > has })
	if at < 0 {
		return time.Time{}, false
	}
	return time.Unix(0, int64(max(e.spans[at].first, has+1))), true
}
