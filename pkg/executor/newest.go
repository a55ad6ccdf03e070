package executor

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/beneath"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/rsync"
	"github.com/sersync/sersync/pkg/walk"
)

// With -u a receiver keeps its copy when that is newer, exits 0 and says
// nothing: a file that was replaced by an older one (cp -p, tar, a roll-back)
// would never arrive. The newest *action* wins here: what a content or
// replacement event changed after the target's copy was written is sent again
// without -u; what was written on the target later than that stays.

// suspectGap is how far a file's mtime must lie before its ctime to be one
// that was not simply written: such a file was listed as sent.
const suspectGap = 10 * time.Millisecond

// sinceSlack is how far the clock of ctime may lie behind the one of marks.
const sinceSlack = 2 * time.Second

// suspect is a file that -u may have held back.
type suspect struct {
	path   string
	mtime  time.Time // of our file
	change time.Time // when it came to stand here
}

// newest resends what -u has held back, as part of the flight o; touched are
// those below its trees.
func (l *Lane) newest(ctx context.Context, o *outcome, touched []suspect) {
	suspects := suspects(o, touched)
	if len(suspects) == 0 || o.flight.caps.NoList {
		return
	}
	times, result := l.times(ctx, o.flight, suspects)
	if result.Missing == rsync.MissingList {
		o.result.Missing = rsync.MissingList
		return
	}
	if result.Class == rsync.Trouble || result.Class == rsync.Stopped || result.Unclear && o.works[0].Attempt < 2*unansweredMost {
		// Not asked is not answered: what -u has held back would stay so.
		o.result = result
		return
	}
	var names []string
	for _, s := range suspects {
		there, ok := times[s.path]
		if ok && !there.Before(s.mtime.Truncate(time.Second)) && !there.After(s.change) {
			names = append(names, s.path)
		}
	}
	if len(names) == 0 {
		return
	}
	run := l.base(rsync.Send, o.flight.caps)
	run.LiftUpdate = true
	again := l.execute(ctx, flight{kind: o.kind, works: o.works, caps: o.flight.caps, lease: o.flight.lease}, run, names)
	o.join(again)
}

// suspects lists the regular files among the works, and of those touched in
// their trees, that this run did not list as sent and that were not simply written.
func suspects(o *outcome, touched []suspect) (out []suspect) {
	for _, w := range o.works {
		if s, ok := fileSuspect(w, o); ok && w.Flags&filterqueue.Content != 0 {
			out = append(out, s)
		}
	}
	for _, s := range touched {
		if s.change.Sub(s.mtime) >= suspectGap && !o.wasSent(s.path) {
			out = append(out, s)
		}
	}
	return out
}

func fileSuspect(w work, o *outcome) (suspect, bool) {
	if !w.found.Regular() || o.wasSent(w.Path) {
		return suspect{}, false
	}
	s := suspect{path: w.Path, mtime: stamp(w.found.Stat.Mtim), change: stamp(w.found.Stat.Ctim)}
	return s, s.change.Sub(s.mtime) >= suspectGap
}

func stamp(t unix.Timespec) time.Time { return time.Unix(t.Sec, t.Nsec) }

// touchedInTrees looks below directories that absorbed content events for what
// these may have touched and the run did not list as sent; the rename of a
// directory above touches nothing.
func (l *Lane) touchedInTrees(o *outcome) (out []suspect) {
	for _, w := range o.works {
		const both = filterqueue.Content | filterqueue.Tree
		if w.Flags&both != both || !w.found.Dir() {
			continue
		}
		unsent := func(rel string) bool { return !o.wasSent(rel) && !tooLong(rel) && !l.excludes(rel, false) }
		l.regularFiles(w.Path, unsent, func(rel string, st *unix.Stat_t) {
			s := suspect{path: rel, mtime: stamp(st.Mtim), change: stamp(st.Ctim)}
			if s.change.After(w.Since.Add(-sinceSlack)) {
				out = append(out, s)
			}
		})
	}
	return out
}

// twins resends what was written or replaced below trees, and has the size and
// time of the target's copy: the comparison of a tree takes the two for equal. A
// file that was simply written has a time of its own, where the receiver tells
// more than seconds.
func (l *Lane) twins(ctx context.Context, o *outcome, touched []suspect) {
	var names []string
	for _, s := range touched {
		if o.flight.caps.SecondsOnly || s.change.Sub(s.mtime).Abs() >= suspectGap {
			names = append(names, s.path)
		}
	}
	if len(names) == 0 {
		return
	}
	run := l.base(rsync.Send, o.flight.caps)
	run.IgnoreTimes = true
	o.join(l.execute(ctx, flight{kind: o.kind, works: o.works, caps: o.flight.caps, lease: o.flight.lease}, run, names))
}

// markLinked makes the hard-linked files of a tree dirty on their own, so that
// their names outside of the tree go with them (see withOtherNames).
func (l *Lane) markLinked(w work, now time.Time) {
	l.regularFiles(w.Path, nil, func(rel string, st *unix.Stat_t) {
		if st.Nlink > 1 {
			l.dirty.Mark(rel, 0, now)
		}
	})
	l.owe(w.Since)
}

// regularFiles visits the regular files of a directory with their state, one
// after the other; only those that are wanted, unless wanted is nil.
func (l *Lane) regularFiles(path string, wanted func(rel string) bool, visit func(rel string, st *unix.Stat_t)) {
	root := l.opt.Root()
	if root == nil {
		return
	}
	defer root.Close()
	fd, err := openDir(root, path)
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(fd) }()
	_ = walk.Tree(context.Background(), fd, path, walk.Options{
		Workers: 1,
		Entries: func(d *walk.Dir, batch []walk.Entry) {
			for _, e := range batch {
				if e.Type != unix.DT_REG {
					continue
				}
				rel := d.RelOf(string(e.Name))
				if wanted != nil && !wanted(rel) {
					continue
				}
				var st unix.Stat_t
				if unix.Fstatat(d.FD, string(e.Name), &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
					visit(rel, &st)
				}
			}
		},
	})
}

// times asks for the modification times of the target's copies.
func (l *Lane) times(ctx context.Context, f flight, suspects []suspect) (map[string]time.Time, rsync.Result) {
	run := l.base(rsync.Times, f.caps)
	names := make([]string, len(suspects))
	for i, s := range suspects {
		names[i] = s.path
	}
	times := make(map[string]time.Time, len(names))
	if err := f.lease.take(ctx); err != nil {
		return nil, rsync.Result{Class: rsync.Stopped}
	}
	p, err := l.connect(ctx, run, run.List(names), func(b []byte) {
		if path, at, ok := rsync.ParseTime(b); ok {
			times[path] = at
		}
	})
	if err != nil {
		return nil, rsync.Result{Class: rsync.Trouble}
	}
	ended := p.Wait()
	return times, rsync.Classify(rsync.Times, l.opt.Target, l.opt.Dir, ended, nil)
}

// stillThere looks at a path again, outside of a batch.
func (l *Lane) stillThere(path string) beneath.Found {
	root := l.opt.Root()
	if root == nil {
		return beneath.Found{State: beneath.Unknown, Err: errRootGone}
	}
	defer root.Close()
	looker := root.Looker()
	defer looker.Close()
	return looker.Look(path)
}
