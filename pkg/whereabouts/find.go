// Package whereabouts finds out where one path is: in which watch root, what keeps
// it from being sent, and, lane by lane, what the remote has of it.
//
// Its caller is the status page's server, on behalf of an operator. A Finder may be
// used by several goroutines; it bounds how many remotes are asked at a time.
package whereabouts

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/sersync/sersync/pkg/status"
)

// askedAtOnce is how many remotes are asked at the same time.
const askedAtOnce = 16

// Root is one watch root.
type Root struct {
	Dir   string // the watched directory
	Watch string // the same as the configuration names it
	// Writing tells whether a path is a new file that a program still writes.
	Writing func(path string) bool
	Lanes   []Lane
}

// Lane is one remote of a watch root.
type Lane struct {
	Number int // in the status, from 1
	Rules  Rules
	// Where asks the remote for a path, relative to the root.
	Where func(ctx context.Context, path string) status.Place
}

// Finder finds paths.
type Finder struct{ turns chan struct{} }

// New is a Finder.
func New() *Finder { return &Finder{turns: make(chan struct{}, askedAtOnce)} }

// Find asks every lane of the root that has the path. A relative path is looked for in all roots;
// if it exists in none of them, the lanes of all roots are asked. The error is status.ErrNoRoot.
func (f *Finder) Find(ctx context.Context, roots []Root, path string) (status.Whereabouts, error) {
	out := status.Whereabouts{Path: path, Places: []status.Place{}}
	hits := locate(roots, path)
	if len(hits) == 0 {
		return out, notFound(roots, path)
	}
	var group sync.WaitGroup
	for _, h := range hits {
		out.Places = append(out.Places, make([]status.Place, len(h.root.Lanes))...)
	}
	i := 0
	for _, h := range hits {
		for _, l := range h.root.Lanes {
			place := &out.Places[i] // of this goroutine alone
			i++
			group.Go(func() { *place = f.ask(ctx, h.root, l, h.path) })
		}
	}
	group.Wait()
	return out, nil
}

// ask is what one lane knows of a path.
func (f *Finder) ask(ctx context.Context, root Root, l Lane, path string) status.Place {
	select {
	case f.turns <- struct{}{}:
		defer func() { <-f.turns }()
	case <-ctx.Done(): // Where says so
	}
	p := l.Where(ctx, path)
	p.Number = l.Number
	if p.Excluded == nil {
		p.Excluded = l.Rules.Excluding(path, p.Here)
	}
	p.Writing = root.Writing != nil && root.Writing(path)
	return p
}

// hit is a root with the path in it.
type hit struct {
	root Root
	path string // relative; empty: the root itself
}

// locate finds the roots that a path is in.
func locate(roots []Root, path string) (hits []hit) {
	if path == "" {
		return nil
	}
	if filepath.IsAbs(path) {
		for _, p := range []string{filepath.Clean(path), real(path)} {
			for _, r := range roots {
				if rel, ok := below(p, r.Dir, r.Watch); ok {
					hits = append(hits, hit{r, rel})
				}
			}
			if len(hits) > 0 {
				return hits
			}
		}
		return nil
	}
	rel := filepath.Clean(path)
	if rel == ".." || strings.HasPrefix(rel, "../") {
		return nil
	}
	if rel == "." {
		rel = ""
	}
	var all []hit
	for _, r := range roots {
		all = append(all, hit{r, rel})
		if _, err := os.Lstat(filepath.Join(r.Dir, rel)); err == nil {
			hits = append(hits, hit{r, rel})
		}
	}
	if len(hits) == 0 {
		return all
	}
	return hits
}

// below is the path relative to one of the directories that it is in.
func below(path string, dirs ...string) (rel string, ok bool) {
	for _, dir := range dirs {
		dir = filepath.Clean(dir)
		if path == dir {
			return "", true
		}
		if rest, in := strings.CutPrefix(path, strings.TrimSuffix(dir, "/")+"/"); in {
			return rest, true
		}
	}
	return "", false
}

// real is the path with the links above its last element followed, as far as it
// exists.
func real(path string) string {
	dir, rest := filepath.Split(filepath.Clean(path))
	for {
		if resolved, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(resolved, rest)
		}
		parent, name := filepath.Split(filepath.Clean(dir))
		if name == "" {
			return filepath.Clean(path)
		}
		dir, rest = parent, filepath.Join(name, rest)
	}
}

// notFound names the roots that there are.
func notFound(roots []Root, path string) error {
	var dirs []string
	for _, r := range roots {
		dirs = append(dirs, status.Printable(r.Dir))
	}
	return fmt.Errorf("%s: %w; the watch roots are: %s", status.Printable(path), status.ErrNoRoot, strings.Join(dirs, ", "))
}
