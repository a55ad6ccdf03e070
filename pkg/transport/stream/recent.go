package stream

import (
	"path"
	"sync"

	"github.com/sersync/sersync/pkg/change"
)

// mostRecent is for how many paths the last message about them is remembered: a few hundred bytes
// each.
const mostRecent = 4096

// recent remembers, for the paths published last, in which message that was.
type recent struct {
	mu sync.Mutex
	at map[string]uint64 // generation, by path; a path with "/" at its end stands for everything below it
	// order are the paths as they came, oldest first, and next the one that is
	// forgotten next once the ring is full.
	order []string
	next  int
	// before is the last generation of paths that are not remembered.
	before uint64
}

// published notes a message.
func (r *recent) published(m change.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range m.Entries {
		r.note(e.Path, m.Generation)
		if e.State == change.Tree || e.State == change.Gone {
			r.note(e.Path+"/", m.Generation)
		}
	}
}

func (r *recent) note(key string, generation uint64) {
	if _, known := r.at[key]; known {
		r.at[key] = generation
		return
	}
	if r.at == nil {
		r.at = map[string]uint64{}
	}
	if len(r.order) < mostRecent {
		r.order = append(r.order, key)
	} else {
		oldest := r.order[r.next]
		r.before = max(r.before, r.at[oldest])
		delete(r.at, oldest)
		r.order[r.next] = key
		r.next = (r.next + 1) % mostRecent
	}
	r.at[key] = generation
}

// began notes the generation that the stream had before this program started.
func (r *recent) began(generation uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.before = max(r.before, generation)
}

// of is the generation of the last message about a path. If exact is false it is only known that no
// later message was about the path.
func (r *recent) of(name string) (generation uint64, exact bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	generation = r.at[name]
	for above := name; above != ""; {
		if above = path.Dir(above); above == "." {
			above = ""
		}
		generation = max(generation, r.at[above+"/"])
	}
	if generation == 0 {
		return r.before, false
	}
	return generation, true
}
