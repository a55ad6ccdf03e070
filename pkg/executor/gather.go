package executor

import (
	"sync"
	"time"

	"github.com/sersync/sersync/pkg/fstree"
)

// gathered keeps what a scan finds until it is worth a run: if they were marked one by one, ten
// finds would be ten runs. The lanes' watermarks are held meanwhile.
type gathered struct {
	lanes []*Lane

	mu    sync.Mutex
	last  time.Time // when something was marked
	finds []find
}

type find struct {
	rel    string
	change fstree.Change
}

const (
	gatherMost = 4096
	gatherTime = 5 * time.Second
)

// add is called by several goroutines of the walk.
func (g *gathered) add(rel string, c fstree.Change) {
	g.mu.Lock()
	g.finds = append(g.finds, find{rel, c})
	full := len(g.finds) >= gatherMost || time.Since(g.last) >= gatherTime
	g.mu.Unlock()
	if full {
		g.mark()
	}
}

// mark marks in every lane what has been found.
func (g *gathered) mark() {
	g.mu.Lock()
	finds := g.finds
	g.finds, g.last = nil, time.Now()
	g.mu.Unlock()
	for _, f := range finds {
		for _, l := range g.lanes {
			l.MarkChanged(f.rel, f.change)
		}
	}
}
