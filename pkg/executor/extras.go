package executor

import (
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/status"
)

// surveys decides what becomes of what only the remote has. It belongs to the loop.
type surveys struct{ *desk }

func below(extras []plan.Candidate, dir string) []plan.Candidate {
	if dir == "" {
		return extras
	}
	var out []plan.Candidate
	for _, c := range extras {
		if c.Path == dir || strings.HasPrefix(c.Path, dir+"/") {
			out = append(out, c)
		}
	}
	return out
}

// sifted is the answer to a survey, sorted.
type sifted struct {
	gone   []plan.Candidate // gone here and to be deleted; none is below another one
	marked bool             // something else was made dirty
	left   []string         // gone here, and left alone on the remote, for they may not be deleted
}

// sift takes the candidates with what was found here, and finds those that are really gone here and
// may be deleted on the remote. A candidate that is here after all is made dirty. patterns are
// those that the survey did not apply.
func (s *surveys) sift(extras []plan.Candidate, may permission, patterns []string, why audit.Cause, now time.Time) (out sifted) {
	gone, whole, kept := map[string]bool{}, directories(extras), may.keeps(extras)
	withheld := false
	for _, c := range extras {
		if covered(c.Path, gone) || s.disk.Spared(c.Path, c.Dir) {
			continue
		}
		allowed := may.delete(c)
		if s.arriving(c.Path) {
			if allowed && !disk.Partial(c.Path) {
				s.causes[c.Path] = why
				s.litter.note(c.Path, now)
			}
			continue
		}
		f := c.Here
		if again, flags, ok := standsThere(c, allowed); ok {
			gone[again] = flags != dirty.Tree|dirty.Extras // its entries may be candidates, too
			s.dirty.Mark(again, flags, now)
			out.marked = true
			continue
		}
		switch {
		case f.State != fstree.Absent:
		case !allowed && s.dirty.Awaits(c.Path): // deleted here since the survey began
		case !allowed:
			out.left = append(out.left, c.Path)
		case s.opt.Held(f.At, false) != "" || s.opt.Held(c.Path, false) != "":
			withheld = true
		case kept[c.Path]: // the directory is surveyed again, and only entries that may go are deleted
			gone[c.Path] = true
			s.markGone([]plan.Candidate{c}, why, now)
			out.marked = true
		case patterns != nil && f.At != c.Path && !whole[f.At]:
			gone[f.At] = true
			out.marked = s.guard(f.At, patterns, why, now) || out.marked
		default:
			gone[c.Path] = true
			out.gone = append(out.gone, c)
		}
	}
	if withheld && s.opt.Withheld != nil {
		s.opt.Withheld()
	}
	return out
}

// leftThere records, after everything was compared, the entries that only the remote has and that
// may not be deleted there; more says that there are further ones.
func (s *surveys) leftThere(left []string, more bool, now time.Time) {
	further := 0
	if more {
		further = 1
	}
	s.differs.replace(status.Extras, left, further)
	s.tellLeft(len(left), now)
}

// leftIn is leftThere after one directory was compared: alone, or with tree all
// below it. extras is the whole answer.
func (s *surveys) leftIn(dir string, tree bool, o outcome.Outcome, extras []plan.Candidate, left []string, now time.Time) {
	there := make(map[string]bool, len(extras))
	for _, c := range extras {
		there[c.Path] = true
	}
	for _, path := range s.differs.below(status.Extras, dir) {
		if there[path] {
			continue
		}
		// Without tree, what is below an entry was compared only where the entry does not exist
		// here.
		entry := outcome.EntryOf(dir, path)
		if tree || entry == path || !there[entry] && o.Seen[entry].State == fstree.Absent {
			s.differs.settle(path, false, status.Extras)
		}
	}
	for _, path := range left {
		s.differs.add(status.Extras, path)
	}
	s.tellLeft(len(left), now)
}

// tellLeft logs that entries were left alone.
func (s *surveys) tellLeft(entries int, now time.Time) {
	s.differs.tell(now)
	if entries > 0 {
		s.log.Warn("entries only the target has were left alone", zap.Int("entries", entries), zap.String("remedy", status.Extras.Remedy()))
	}
}

// arrived settles known differences: entries of a tree that only the remote had before, and that
// have come here now.
func (s *surveys) arrived(dir string, o outcome.Outcome) {
	for _, path := range s.differs.below(status.Extras, dir) {
		if o.Seen[path].State == fstree.Present {
			s.differs.settle(path, false, status.Extras)
		}
	}
}

// markGone makes the entries dirty that a survey has found and that are gone here.
func (d *desk) markGone(gone []plan.Candidate, why audit.Cause, now time.Time) {
	for _, c := range gone {
		flags := dirty.Gone
		if c.Dir {
			flags |= dirty.Tree
		}
		d.causes[c.Path] = why
		d.dirty.Mark(c.Path, flags, now)
	}
}

// standsThere tells what to look at again when an entry that only the target has turns out to exist
// here in some form: otherwise it might never be brought over.
func standsThere(c plan.Candidate, allowed bool) (path string, flags dirty.Flags, ok bool) {
	f := c.Here
	switch {
	case f.State == fstree.Present && c.Dir && f.Dir:
		// It was gone when rsync looked, and another directory is here now: what the target has
		// below it belongs to the old one.
		return c.Path, dirty.Tree | dirty.Extras, true
	case f.State == fstree.Present && !c.Dir && f.Dir && allowed:
		return c.Path, dirty.Gone, true // see hides
	case f.State == fstree.Obstructed && allowed:
		// The file's own events are dropped, as for an editor's file: the directory on the target
		// has to make way for it all the same.
		return f.At, dirty.Content, true
	}
	return "", 0, false
}

// arriving tells whether a path may be a file that a run under way has made on the target: a
// receiver's temporary file (.NAME.XXXXXX), or the part of a large file. Leftovers of a killed
// receiver are deleted when nothing is under way.
func (d *desk) arriving(path string) bool {
	base := path[strings.LastIndexByte(path, '/')+1:]
	i := len(base) - 7
	temp := i > 1 && base[0] == '.' && base[i] == '.' && !strings.ContainsAny(base[i+1:], "._-")
	if !temp && !disk.Partial(path) {
		return false
	}
	return d.busy[plan.KindSend]+d.busy[plan.KindTree]+d.busy[plan.KindBig]+d.busy[plan.KindFull] > 0 || d.dirty.Stats().InFlight > 0
}

// covered tells whether an ancestor of the path is deleted already.
func covered(path string, gone map[string]bool) bool {
	for p := disk.ParentOf(path); p != ""; p = disk.ParentOf(p) {
		if gone[p] {
			return true
		}
	}
	return false
}
