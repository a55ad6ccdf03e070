package inotify

import (
	"context"
	"errors"
	"path/filepath"
	"sync"

	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/fstree"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// errMisplaced says that a directory is not where the table has it: an event
// that explains it must still be in the queue.
var errMisplaced = errors.New("directory is not where it was")

// errRootChanged says that the root's path leads to another directory.
var errRootChanged = errors.New("watch root was replaced")

// cover does one job.
func (s *session) cover(ctx context.Context, j *job, buf []byte) {
	s.mu.Lock()
	parent := s.t.lookup(j.key.wd)
	var rel []byte
	placed := false
	if parent != none {
		rel, placed = s.t.appendPath(nil, parent)
	}
	s.mu.Unlock()
	switch {
	case parent == none:
		// The directory that contains it is gone, and so is it. Without a path from an earlier try,
		// the event of that directory has to suffice.
		(&coverage{s: s, j: j, rel: j.path}).finish()
		return
	case !placed:
		s.postpone(j, false)
		return
	}
	c := &coverage{s: s, j: j, parentRel: string(rel), rel: join(string(rel), j.key.name)}
	j.path = c.rel
	if j.key.name != "" && s.w.opt.Skip != nil && s.w.opt.Skip(c.rel, j.appeared) {
		s.unwatch(j.key, c.rel)
		c.skipped = true
		c.finish()
		return
	}
	err := c.run(ctx, buf)
	switch {
	case ctx.Err() != nil:
	case err == nil:
		c.finish()
	case j.tries >= maxTries:
		s.w.log.Debug("directory not found, the watches are repaired", zap.String("path", c.rel), zap.Error(err))
		s.mu.Lock()
		s.repair.wanted = true
		s.mu.Unlock()
		c.finish()
	default:
		s.postpone(j, true)
	}
}

func join(dir, name string) string {
	switch {
	case dir == "":
		return name
	case name == "":
		return dir
	}
	return dir + "/" + name
}

// coverage is the run of one job.
type coverage struct {
	s         *session
	j         *job
	parentRel string
	rel       string
	parentFD  int
	stamp     uint64
	skipped   bool
	uncovered bool // something below could not be watched

	mu    sync.Mutex
	fresh []int32 // topmost directories which had no watch or another place
}

// run opens the directory and walks it. An error means that the job has to be
// tried again.
func (c *coverage) run(ctx context.Context, buf []byte) error {
	var err error
	if c.parentFD, err = c.openParent(); err != nil {
		return err
	}
	defer unix.Close(c.parentFD)
	if err := c.identify(); err != nil {
		return err
	}
	c.stamp = c.s.moves.Load()
	name := c.j.key.name
	if name == "" {
		name = "."
	}
	fd, err := fstree.OpenIn(c.parentFD, name)
	if err != nil && fstree.Vanished(err) {
		c.gone()
		return nil
	}
	if err != nil {
		c.s.uncover(c.j.key, c.rel, err)
		return nil
	}
	defer unix.Close(fd)
	if c.j.is(walkAll) {
		c.s.w.count.entries.Store(0)
	}
	return fstree.Walk(ctx, fd, c.rel, fstree.WalkOptions{
		Workers: c.s.w.opt.Workers, Buffer: buf, Chdir: true,
		Stamp: c.s.moves.Load, Enter: c.enter, Descend: c.descend, Error: c.fail, Entries: c.entries,
	})
}

// entries counts what a directory holds, and takes the listing into the
// inventory, if there is one.
func (c *coverage) entries(d *fstree.Dir, batch []fstree.Entry) {
	c.s.w.count.entries.Add(int64(len(batch)))
	if c.s.w.opt.Inventory == nil {
		return
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.inventory.listed(int32(d.Mark), batch)
}

// openParent opens the directory of the job by its path in the table. The root's
// descriptor is not kept: it would keep the file system from being unmounted.
func (c *coverage) openParent() (int, error) {
	s, rel := c.s, c.parentRel
	const flags = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
	fd, err := unix.Open(s.w.root, flags, 0)
	if err != nil {
		s.lookAtRoot()
		return -1, errRootChanged
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Dev != s.id.Dev || st.Ino != s.id.Ino {
		unix.Close(fd)
		s.lookAtRoot()
		return -1, errRootChanged
	}
	for len(rel) > 0 {
		name := rel
		rel = ""
		for i := range len(name) {
			if name[i] == '/' {
				name, rel = name[:i], name[i+1:]
				break
			}
		}
		next, err := unix.Openat(fd, name, flags|unix.O_NOFOLLOW, 0)
		unix.Close(fd)
		if err != nil {
			return -1, errMisplaced
		}
		fd = next
	}
	return fd, nil
}

func (s *session) lookAtRoot() {
	s.mu.Lock()
	s.lost = true
	s.mu.Unlock()
}

// identify makes sure that the open directory is the one of the job: to add a watch for an inode
// again returns the same wd (inotify(7)).
func (c *coverage) identify() error {
	s, wd := c.s, c.j.key.wd
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.t.lookup(wd)
	if n == none {
		return errMisplaced
	}
	got, err := s.w.kernel.add(s.inst.FD, c.parentFD, s.maskLocked(n), func() string { return filepath.Join(s.w.root, c.parentRel) })
	if err != nil {
		return errMisplaced
	}
	if got == wd {
		return nil
	}
	if s.t.lookup(got) == none {
		// This watch is on another directory, which has an event of its own, so it is removed.
		s.inst.unwatch(got)
	}
	return errMisplaced
}

func (s *session) maskLocked(n int32) uint32 {
	if n == s.t.root {
		return s.w.opt.mask() | rootOnly
	}
	return s.w.opt.mask()
}

// enter watches an open directory before it is listed.
func (c *coverage) enter(d *fstree.Dir) error {
	s := c.s
	if d.Parent == nil && c.j.key.name == "" {
		d.Mark = int64(c.j.key.wd)
		return nil
	}
	f, inside := found{c.j.key, d.FD, c.parentFD, c.stamp, d.Here, c.j.is(walkBelow)}, false
	if d.Parent != nil {
		f = found{jobKey{int32(d.Parent.Mark), d.Name}, d.FD, d.Parent.FD, d.Stamp, d.Here, true}
		inside = d.Parent.Inherit
	}
	wd, fate, err := s.watch(f, d.Rel)
	if err != nil {
		if fstree.Vanished(err) || errors.Is(err, errMisplaced) {
			return fstree.ErrSkip
		}
		c.failed(f.key, d.Rel(), err)
		return fstree.ErrSkip
	}
	if fate == fateNew && s.w.opt.Debug != nil {
		s.w.opt.Debug(debugWatch, d.Rel(), wd)
	}
	d.Mark, d.Inherit = int64(wd), inside || fate != fateSame
	if d.Inherit && !inside {
		c.mu.Lock()
		c.fresh = append(c.fresh, wd)
		c.mu.Unlock()
	}
	if fate == fateSame && d.Parent == nil && !c.j.is(walkBelow) {
		return fstree.ErrSkip // the walk that has placed it watches and lists it
	}
	return nil
}

func (c *coverage) descend(d *fstree.Dir, name string) bool {
	skip := c.s.w.opt.Skip
	if skip == nil || !skip(d.RelOf(name), c.j.appeared) {
		return true
	}
	c.s.unwatch(jobKey{int32(d.Mark), name}, d.RelOf(name))
	return false
}

// unwatch takes a directory that is not to be watched out of the table. Skip was asked about a
// path: if the directory has another path by now, it is looked at again.
func (s *session) unwatch(key jobKey, path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.t.lookup(key.wd)
	if p == none {
		return
	}
	n := s.t.childOf(p, []byte(key.name))
	if n == none {
		return
	}
	if now, placed := s.t.appendPath(nil, n); !placed || string(now) != path {
		s.jobs.add(&job{key: key, purpose: walkBelow})
		return
	}
	s.t.toLimbo(n, 0)
}

// gone handles a name at which there is no directory.
func (c *coverage) gone() {
	s, key := c.s, c.j.key
	c.vacate()
	// Another job may have placed a directory that came just now.
	var st unix.Stat_t
	if unix.Fstatat(c.parentFD, key.name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		s.addJob(&job{key: key, appeared: c.j.appeared})
	}
}

// vacate takes the directory at the job's name out of the table, for there is none on the disk.
func (c *coverage) vacate() {
	s, key := c.s, c.j.key
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.t.lookup(key.wd); p != none {
		if n := s.t.childOf(p, []byte(key.name)); n != none {
			s.t.toLimbo(n, 0)
		}
	}
	s.coveredLocked(key, c.rel)
}

// fail handles what the walk could not read.
func (c *coverage) fail(d *fstree.Dir, name string, err error) {
	key := jobKey{int32(d.Mark), name}
	switch {
	case name == "" && d.Parent != nil:
		key = jobKey{int32(d.Parent.Mark), d.Name}
	case name == "":
		key = c.j.key
	}
	if errors.Is(err, fstree.ErrMoved) {
		c.s.addJob(&job{key: key, purpose: walkBelow})
		return
	}
	rel := d.Rel()
	if name != "" {
		rel = d.RelOf(name)
	}
	c.failed(key, rel, err)
}

func (c *coverage) failed(key jobKey, rel string, err error) {
	c.mu.Lock()
	c.uncovered = true
	c.mu.Unlock()
	c.s.uncover(key, rel, err)
}

// finish reports what the job has covered, under the present paths.
func (c *coverage) finish() {
	s, j := c.s, c.j
	s.mu.Lock()
	defer s.mu.Unlock()
	if j.is(walkAll) {
		s.repair.phase = walked
	}
	if j.is(sweepUp) {
		s.jobs.sweeps--
	}
	if j.is(checkMount) {
		s.jobs.looked(j.key)
		if len(c.fresh) > 0 {
			s.out = append(s.out, note{path: c.rel, mount: true})
		}
	}
	op := j.op
	if op == 0 && j.is(reportBack) {
		op = fsevent.Create
	}
	if op != 0 && (c.rel != "" || j.key.name == "") {
		s.out = append(s.out, note{event: fsevent.Event{Path: c.rel, Op: op, Dir: true, Covered: !c.skipped}})
	}
	if j.is(walkAll) && !s.stood {
		return // the consumer's first scan follows
	}
	for _, wd := range c.fresh {
		n := s.t.lookup(wd)
		if n == none {
			continue
		}
		if path, ok := s.t.appendPath(nil, n); ok && (op == 0 || string(path) != c.rel) {
			s.out = append(s.out, note{event: fsevent.Event{Path: string(path), Op: fsevent.Create, Dir: true, Covered: true}})
		}
	}
}
