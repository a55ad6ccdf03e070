package carry

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/executor/slots"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
)

// Scout looks at the paths of a batch, beside the lane's loop.
type Scout struct {
	Planner *plan.Planner
	// NoDelete and big are as in plan.Facts, at the moment when the batch was taken.
	NoDelete bool
	Big      int64

	room   int    // for how many more entries of small trees the batch has room
	buffer []byte // what directories are listed with
}

// Looked is a batch that was looked at.
type Looked struct {
	Works []plan.Work
	Rest  []plan.Item  // not looked at, because the watch root is gone, or the lane was told to stop
	Gone  bool         // the watch root cannot be opened
	Slot  *slots.Lease // of the run to come
}

// Look looks at the paths one after the other until ctx ends.
func (s *Scout) Look(ctx context.Context, items []plan.Item) (l Looked) {
	root := s.Planner.Open()
	if root == nil {
		return Looked{Rest: items, Gone: true}
	}
	defer root.Close()
	looker := root.Looker()
	defer looker.Close()
	s.room = plan.MaxBatch
	for i, it := range items {
		if ctx.Err() != nil {
			l.Rest = items[i:]
			break
		}
		// Taken is the time of the look, not that of taking the batch: a mark that was made in
		// between is included in the look, and whoever waits for a look after that mark would
		// otherwise wait for ever.
		w := plan.Work{Item: it, Taken: time.Now()}
		w.Found = looker.Look(it.Path)
		if s.leadsIntoTree(root, w) {
			w.Way = plan.Followed
		}
		if s.mayBeSmall(w) {
			w.Entries = s.few(ctx, root, w)
		}
		w.Little = w.From != "" && w.Found.Dir() && s.Planner.ListsTrees() && s.little(ctx, root, w.Path)
		l.Works = append(l.Works, w)
	}
	return l
}

// mayBeSmall tells whether a path is a tree that may be small enough to go with the single files.
func (s *Scout) mayBeSmall(w plan.Work) bool {
	p := s.Planner
	return w.Found.Dir() && w.Flags&dirty.Tree != 0 && !p.ListsTrees() && !p.Surveyed(w, s.NoDelete) && !disk.TooLong(w.Path) && !p.Unwanted(w)
}

// leadsIntoTree tells whether a path is a link to a directory that the parameters follow: on the
// remote it becomes a directory with everything below it. rsync does not know the filter's
// expressions, so with a filter nothing behind a link is sent.
func (s *Scout) leadsIntoTree(root *fstree.Root, w plan.Work) bool {
	if !w.Found.Symlink() || !s.Planner.Terms.FollowLinks || s.Planner.ListsTrees() {
		return false
	}
	var st unix.Stat_t
	return unix.Stat(root.WorkingDir()+"/"+w.Path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// fewEntries is how many entries a tree may have at most to go with the single files, entry by
// entry: then a small new directory needs no run of its own, and can use the standby.
const fewEntries = 256

// fewMoved is up to how many bytes a small tree that was moved is sent again: linking it takes two
// runs more.
const fewMoved = 64 << 10

// few lists a small tree, the directory itself first; nil when it has to go as a tree, because it
// is not small, or an entry of it needs more than a name on a list.
func (s *Scout) few(ctx context.Context, root *fstree.Root, w plan.Work) []string {
	p := s.Planner.Terms
	if w.Path == "" || p.Update && w.Flags&(dirty.Unsure|dirty.Arrival) != 0 || w.Flags&dirty.Gone != 0 || p.HardLinks || p.Patterned || s.room <= 0 {
		return nil
	}
	names, arrivals, bytes := []string{w.Path}, p.Update && w.MayHoldArrivals(), int64(0)
	if !s.whole(ctx, root, w.Path, nil, func(d *fstree.Dir, e fstree.Entry, rel string) bool {
		size, plain := s.plain(d.FD, e, rel, arrivals)
		if bytes += size; len(names) > fewEntries || !plain || w.From != "" && bytes > fewMoved {
			return false
		}
		names = append(names, rel)
		return true
	}) {
		return nil
	}
	s.room -= len(names)
	return names
}

// little tells whether a directory, without what is excluded in it, has few entries and few bytes.
func (s *Scout) little(ctx context.Context, root *fstree.Root, path string) bool {
	entries, bytes := 0, int64(0)
	below := func(d *fstree.Dir, name string) bool { return !s.Planner.Excludes(d.RelOf(name), true) }
	return s.whole(ctx, root, path, below, func(d *fstree.Dir, e fstree.Entry, rel string) bool {
		if s.Planner.Excludes(rel, e.Type == unix.DT_DIR) {
			return true
		}
		var st unix.Stat_t
		if e.Type == unix.DT_REG && unix.Fstatat(d.FD, string(e.Name), &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
			bytes += st.Size
		}
		entries++
		return entries <= fewEntries && bytes <= fewMoved
	})
}

// whole walks a directory until visit returns false, and tells whether it has seen all of it.
func (s *Scout) whole(ctx context.Context, root *fstree.Root, path string, below func(*fstree.Dir, string) bool, visit func(d *fstree.Dir, e fstree.Entry, rel string) bool) bool {
	fd, err := root.OpenList(path)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(fd) }()
	if s.buffer == nil {
		s.buffer = make([]byte, 32<<10)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	return fstree.Walk(ctx, fd, path, fstree.WalkOptions{
		Workers: 1, Buffer: s.buffer, Descend: below,
		Entries: func(d *fstree.Dir, batch []fstree.Entry) {
			for _, e := range batch {
				if !visit(d, e, d.RelOf(string(e.Name))) {
					stop()
					return
				}
			}
		},
		Error: func(*fstree.Dir, string, error) { stop() }, // rsync will report it
	}) == nil
}

// plain tells whether an entry of a small tree can go with the single files, and how large it is.
// Where arrivals may be among them, a file whose time was set after it was written must not go in
// that run, which does not compare times first.
func (s *Scout) plain(dirfd int, e fstree.Entry, rel string, arrivals bool) (size int64, yes bool) {
	if disk.TooLong(rel) || disk.Partial(rel) {
		return 0, false
	}
	if e.Type == unix.DT_DIR {
		return 0, true
	}
	if e.Type == unix.DT_LNK {
		return 0, !s.Planner.Terms.FollowLinks // there may be a tree behind it
	}
	var st unix.Stat_t
	if e.Type != unix.DT_REG || unix.Fstatat(dirfd, string(e.Name), &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Size > s.Big {
		return 0, false
	}
	return st.Size, !arrivals || st.Mtim == st.Ctim
}
