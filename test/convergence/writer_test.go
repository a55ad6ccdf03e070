package convergence

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path"
	"time"

	"golang.org/x/sys/unix"
)

// writer changes the tree. Several writers work in the same tree with the same names, so that they
// often get in each other's way.
type writer struct {
	name string
	rnd  *rand.Rand
	m    mode
	src  string // the watch root
	out  string // a directory on the same file system that is not watched
	log  *journal
	ops  func() // counts an operation; it may wait
	made int    // makes the contents differ from each other
	// links are the latest hard links that were made, the oldest first.
	links []madeLink
}

// burst is the largest number of operations that follow each other at full speed. In the pauses
// between bursts runs start, and the next burst meets them in flight.
const (
	burst    = 250
	maxPause = 40 * time.Millisecond
)

// run works until ctx ends, and does at least the given number of operations.
func (w *writer) run(ctx context.Context, least int) {
	table := w.table()
	total := 0
	for _, o := range table {
		total += o.weight
	}
	for done := 0; done < least || ctx.Err() == nil; {
		for range 1 + w.rnd.IntN(burst) {
			w.one(table, total)
			done++
		}
		timer := time.NewTimer(time.Duration(w.rnd.Int64N(int64(maxPause))))
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// one carries out one operation. The operation may fail because another writer was faster.
func (w *writer) one(table []operation, total int) {
	n := w.rnd.IntN(total)
	for _, o := range table {
		if n -= o.weight; n < 0 {
			what, paths, err := o.do()
			w.log.add(w.name, what, err, paths...)
			w.ops()
			return
		}
	}
}

func (w *writer) pick(names []string) string { return names[w.rnd.IntN(len(names))] }

// dir returns the path of a directory that may exist, at most three deep; ""
// is the root.
func (w *writer) dir() string {
	p := ""
	for w.rnd.IntN(3) > 0 && len(p) < 60 {
		p = path.Join(p, w.pick(w.m.dirNames()))
	}
	return p
}

// file returns the path of something that is not meant to be a directory.
func (w *writer) file() string { return joined(w.dir(), w.pick(w.m.fileNames())) }

// below returns the path of a directory below the root.
func (w *writer) below() string { return joined(w.dir(), w.pick(w.m.dirNames())) }

// joined is path.Join without cleaning the path: names are taken as they are.
func joined(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// silent tells whether a write to this name would change another name of the file without any
// event, because the directory of this name is not watched.
func (w *writer) silent(rel string) bool {
	var st unix.Stat_t
	if len(w.m.exclude) == 0 || unix.Lstat(w.full(rel), &st) != nil || st.Nlink < 2 {
		return false
	}
	skipped := excluded(w.m.exclude)
	for dir := dirOf(rel); dir != ""; dir = dirOf(dir) {
		if skipped(dir, true) {
			return true
		}
	}
	return false
}

func (w *writer) full(rel string) string {
	if rel == "" {
		return w.src
	}
	return w.src + "/" + rel
}

// text is a new content. No two contents are the same, but they have few sizes, so that many are
// equally long.
func (w *writer) text() []byte {
	w.made++
	head := fmt.Sprintf("%s %08d\n", w.name, w.made)
	sizes := []int{len(head), len(head), 64, 64, 300, 5000}
	size := sizes[w.rnd.IntN(len(sizes))]
	if w.rnd.IntN(150) == 0 {
		size = 300_000
	}
	b := make([]byte, size)
	for i := copy(b, head); i < size; i++ {
		b[i] = byte(w.rnd.Uint32()) // random bytes, which -z cannot make smaller
	}
	w.log.wrote(len(b))
	return b
}
