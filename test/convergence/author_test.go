package convergence

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// author is a writer of a pair. Only the author changes its files, so it knows what they must hold;
// it also writes the shared files.
type author struct {
	*writer
	dir    string
	shared []string
	last   map[string][]byte // the last content by path; nil: the file was removed
}

func newAuthor(s *scene, seed int64, side, n int) *author {
	name := fmt.Sprintf("%c%d", 'a'+side, n)
	a := &author{
		writer: &writer{
			name: name, rnd: rand.New(rand.NewPCG(uint64(seed), uint64(100+10*side+n))),
			m: s.m, src: s.src, out: s.out, log: s.log,
		},
		dir: "of " + name, last: map[string][]byte{},
	}
	if n == 0 {
		a.shared = []string{"shared 1", "both/shared 2", "both/shared\n3"}
	}
	return a
}

// run works until ctx ends, and does at least the given number of operations.
func (a *author) run(ctx context.Context, least int, ops *atomic.Int64) {
	for done := 0; done < least || ctx.Err() == nil; {
		for range 1 + a.rnd.IntN(burst) {
			a.change(a.choose())
			ops.Add(1)
			done++
		}
		timer := time.NewTimer(time.Duration(a.rnd.Int64N(int64(maxPause))))
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// sharing is how many of a hundred changes concern shared files.
const sharing = 5

func (a *author) choose() string {
	if len(a.shared) > 0 && a.rnd.IntN(100) < sharing {
		return a.pick(a.shared)
	}
	dirs := []string{"", "/da", "/d c/db"}
	return a.dir + a.pick(dirs) + "/" + a.pick([]string{"f1", "f2", "f*", "f\\", "-f", " f ", "f\nnew\r", "x.gz"})
}

// change writes a file in one of the ways in which programs do.
func (a *author) change(path string) (what string) {
	text, after := a.text(), []byte(nil)
	err := os.MkdirAll(filepath.Dir(a.full(path)), 0o755)
	switch how := a.rnd.IntN(4); {
	case err != nil:
		what = "mkdir for"
	case how == 0:
		what, after = "save", text
		err = a.replace(path, a.full(path)+"~", text)
	case how == 1:
		what, after = "move in", text
		err = a.replace(path, a.out+"/in-"+a.name, text)
	case how == 2 && a.own(path):
		what, after = "append", slices.Concat(a.last[path], text)
		err = a.put(path, os.O_CREATE|os.O_APPEND, text)
	default:
		what, after = "write", text
		err = a.put(path, os.O_CREATE|os.O_TRUNC, text)
	}
	what = fmt.Sprintf("%s %q %d bytes, number %d", what, path, len(text), a.made)
	a.log.add(a.name, what, err, path)
	if err == nil {
		a.last[path] = after
	}
	return what
}

func (a *author) own(path string) bool { return strings.HasPrefix(path, a.dir+"/") }

// replace renames a new file over another one.
func (a *author) replace(path, temp string, text []byte) error {
	return errors.Join(os.WriteFile(temp, text, 0o644), os.Rename(temp, a.full(path)))
}

// calmly makes a change that can be tested only while nothing else happens: if a file is deleted
// while the other side still sends its arrival back, the file comes back.
func (a *author) calmly(round int) (what string) {
	path := a.standing()
	var err error
	switch round {
	case 0:
		return a.change(path)
	case 1:
		what, err = fmt.Sprintf("rm %q", path), os.Remove(a.full(path))
		a.last[path] = nil
	case 2:
		to := path + " moved"
		what, err = fmt.Sprintf("mv %q %q", path, to), os.Rename(a.full(path), a.full(to))
		a.last[path], a.last[to] = nil, a.last[path]
	default:
		return a.change(a.shared[0])
	}
	a.log.add(a.name, "calmly "+what, err, path)
	return what
}

// standing returns one of the author's own files that the author has not removed.
func (a *author) standing() string {
	var all []string
	for path, content := range a.last {
		if content != nil && a.own(path) {
			all = append(all, path)
		}
	}
	slices.Sort(all)
	return a.pick(all)
}
