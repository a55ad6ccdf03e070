package fstree

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Change is one entry that may have changed since the time of a scan.
type Change struct {
	Type uint8 // unix.DT_REG, unix.DT_DIR, ...
	// Moved is set for a directory which may have been moved to this place: rename(2) sets the
	// ctime of the directory and of its new parent, and of nothing below, so everything below it
	// may have changed, and is not reported on its own. Without Moved only entries of the directory
	// have come or gone, or its attributes have changed.
	Moved bool
	// Below says that a directory above was reported as Moved, and that this entry has changed
	// itself as well. It is set with ScanOptions.Each only.
	Below bool
	Size  int64
	Mtime time.Time
	Ctime time.Time
	Nlink uint64
	Dev   uint64
	Ino   uint64
}

// ScanOptions configures Changed. Its functions run in several goroutines.
type ScanOptions struct {
	// Workers bounds the goroutines; 0 as in WalkOptions.
	Workers int
	// Skip tells which directories are left out with all below them.
	Skip func(rel string) bool
	// Each also reports each changed entry below a moved directory.
	Each bool
	// Error is called for what could not be read, so that everything below it is unknown.
	Error func(rel string, err error)
}

// Count says how much a scan has seen, the start not included.
type Count struct {
	Dirs, Others int64
}

// Changed walks the tree below rootFD once and reports every entry whose ctime
// is not before since, and every directory whose ctime or mtime is not.
// (utimes(2) can set an mtime back, never a ctime.) The path "" is the root.
// report is called from several goroutines at once, in no particular order.
//
// A deleted name shows only as a change of its directory.
func Changed(ctx context.Context, rootFD int, since time.Time, opt ScanOptions, report func(rel string, c Change)) (Count, error) {
	s := scanner{opt: opt, sec: since.Unix(), nsec: int64(since.Nanosecond()), report: report}
	o := WalkOptions{Workers: opt.Workers, Enter: s.enter, Entries: s.entries, Error: s.error}
	if opt.Skip != nil {
		o.Descend = func(d *Dir, name string) bool { return !opt.Skip(d.RelOf(name)) }
	}
	err := Walk(ctx, rootFD, "", o)
	return Count{Dirs: max(0, s.dirs.Load()-1), Others: s.others.Load()}, err
}

type scanner struct {
	opt       ScanOptions
	sec, nsec int64
	report    func(rel string, c Change)
	dirs      atomic.Int64
	others    atomic.Int64
}

// enter looks at the directory itself. Mark != 0 says that it changed,
// Inherit that it or a directory above was reported as moved.
func (s *scanner) enter(d *Dir) error {
	s.dirs.Add(1)
	var st unix.Stat_t
	if err := unix.Fstat(d.FD, &st); err != nil {
		return fmt.Errorf("fstat: %w", err)
	}
	if !s.reached(st.Ctim) && !s.reached(st.Mtim) {
		d.Inherit = d.Parent != nil && d.Parent.Inherit
		return nil
	}
	d.Mark = 1
	c := change(unix.DT_DIR, &st)
	if p := d.Parent; p != nil {
		c.Moved = p.Mark != 0
		d.Inherit = c.Moved || p.Inherit
		c.Below = p.Inherit
		if c.Below && !s.opt.Each {
			return nil
		}
	}
	s.report(d.Rel(), c)
	return nil
}

func (s *scanner) entries(d *Dir, batch []Entry) {
	others := int64(0)
	for i := range batch {
		e := &batch[i]
		if e.Type == unix.DT_DIR {
			continue
		}
		others++
		if d.Inherit && !s.opt.Each {
			continue
		}
		var st unix.Stat_t
		if err := unix.Fstatat(d.FD, string(e.Name), &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			if !Vanished(err) {
				s.error(d, string(e.Name), fmt.Errorf("fstatat: %w", err))
			}
			continue
		}
		if s.reached(st.Ctim) {
			c := change(e.Type, &st)
			c.Below = d.Inherit
			s.report(d.RelOf(string(e.Name)), c)
		}
	}
	s.others.Add(others)
}

func (s *scanner) reached(t unix.Timespec) bool {
	sec, nsec := t.Unix()
	return sec > s.sec || sec == s.sec && nsec >= s.nsec
}

func (s *scanner) error(d *Dir, name string, err error) {
	if s.opt.Error == nil {
		return
	}
	rel := d.Rel()
	if name != "" {
		rel = d.RelOf(name)
	}
	s.opt.Error(rel, err)
}

func change(typ uint8, st *unix.Stat_t) Change {
	return Change{
		Type: typ, Size: st.Size, Nlink: uint64(st.Nlink), Dev: st.Dev, Ino: st.Ino,
		Mtime: time.Unix(st.Mtim.Unix()), Ctime: time.Unix(st.Ctim.Unix()),
	}
}
