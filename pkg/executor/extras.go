package executor

import (
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/beneath"
	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/filterqueue"
)

// candidate is an entry that only the target has.
type candidate struct {
	path string
	dir  bool
}

func parentOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i]
	}
	return ""
}

func below(extras []candidate, dir string) []candidate {
	if dir == "" {
		return extras
	}
	var out []candidate
	for _, c := range extras {
		if c.path == dir || strings.HasPrefix(c.path, dir+"/") {
			out = append(out, c)
		}
	}
	return out
}

// deleteExtras looks every candidate up here again and makes what is really
// gone dirty; where nobody asked for a mirror it only counts and reports. patterns
// are those that the candidates were asked for without. It tells whether it has
// made anything dirty.
func (l *Lane) deleteExtras(extras []candidate, allowed bool, patterns []string, why failqueue.Cause, now time.Time) (marked bool) {
	root := l.opt.Root()
	if root == nil {
		return false
	}
	defer root.Close()
	looker := root.Looker()
	defer looker.Close()
	gone, whole := map[string]bool{}, directories(extras)
	var reported int
	withheld := false
	for _, c := range topFirst(extras) {
		if covered(c.path, gone) || l.spared(c) {
			continue
		}
		if l.arriving(c.path) {
			if allowed && !partial(c.path) {
				l.causes[c.path] = why
				l.litter.note(c.path, now)
			}
			continue
		}
		f := looker.Look(c.path)
		if again, flags, ok := standsThere(c, f, allowed); ok {
			gone[again] = flags != filterqueue.Tree|filterqueue.Extras // its entries may be candidates, too
			l.dirty.Mark(again, flags, now)
			marked = true
			continue
		}
		if f.State != beneath.Absent {
			continue
		}
		if l.opt.Held(f.At, false) != "" || l.opt.Held(c.path, false) != "" {
			withheld = true
			continue
		}
		if !allowed {
			reported++
			continue
		}
		if patterns != nil && f.At != c.path && !whole[f.At] {
			gone[f.At] = true
			marked = l.guard(f.At, patterns, why, now) || marked
			continue
		}
		gone[c.path] = true
		flags := filterqueue.Gone
		if c.dir {
			flags |= filterqueue.Tree
		}
		l.causes[c.path] = why
		l.dirty.Mark(c.path, flags, now)
		marked = true
	}
	if withheld && allowed && l.opt.Withheld != nil {
		l.opt.Withheld()
	}
	if reported > 0 {
		l.setOnlyThere(reported)
		l.log.Warn("entries only the target has were left alone",
			zap.Int("entries", reported), zap.String("remedy", "start once with -r, or run sersync --resync, to mirror deletions"))
	}
	return marked
}

// standsThere tells what to look at again when something stands here where only
// the target has an entry: nobody else may ever bring that over.
func standsThere(c candidate, f beneath.Found, allowed bool) (path string, flags filterqueue.Flags, ok bool) {
	switch {
	case f.State == beneath.Present && c.dir && f.Dir():
		// It was gone when rsync looked, and is another one now: what the
		// target has below it is the old one's.
		return c.path, filterqueue.Tree | filterqueue.Extras, true
	case f.State == beneath.Present && !c.dir && f.Dir() && allowed:
		return c.path, filterqueue.Gone, true // see hides
	case f.State == beneath.Obstructed && allowed:
		// A file whose own events count for nothing, such as an editor's: the
		// directory there has to give way all the same.
		return f.At, filterqueue.Content, true
	}
	return "", 0, false
}

// arriving tells what a run that is under way may have on the target: the
// temporary file of a receiver (.NAME.XXXXXX), or the part of a large file. What
// a killed receiver has left goes when nothing is under way.
func (l *Lane) arriving(path string) bool {
	base := path[strings.LastIndexByte(path, '/')+1:]
	i := len(base) - 7
	temp := i > 1 && base[0] == '.' && base[i] == '.' && !strings.ContainsAny(base[i+1:], "._-")
	if !temp && !partial(path) {
		return false
	}
	return l.busy[kindSend]+l.busy[kindTree]+l.busy[kindBig]+l.busy[kindFull] > 0 || l.dirty.Stats().InFlight > 0
}

// spared tells what the filter or the user's patterns keep on the target.
func (l *Lane) spared(c candidate) bool {
	if l.opt.Target.Params.Rules.Excludes(c.path, c.dir) {
		return true
	}
	return l.opt.Excluded != nil && l.opt.Excluded(c.path, c.dir)
}

// topFirst orders parents before their entries.
func topFirst(extras []candidate) []candidate {
	out := slices.Clone(extras)
	slices.SortFunc(out, func(a, b candidate) int { return strings.Compare(a.path, b.path) })
	return out
}

// covered tells whether an ancestor of the path is deleted already.
func covered(path string, gone map[string]bool) bool {
	for p := parentOf(path); p != ""; p = parentOf(p) {
		if gone[p] {
			return true
		}
	}
	return false
}

func (l *Lane) mirrored() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.mirrored
}

func (l *Lane) setOnlyThere(n int) {
	l.mu.Lock()
	l.state.onlyThere = n
	l.mu.Unlock()
}
