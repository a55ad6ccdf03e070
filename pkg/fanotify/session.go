package fanotify

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/fsevent/kernelqueue"
	"github.com/sersync/sersync/pkg/fsevent/mountpoints"
	"github.com/sersync/sersync/pkg/fsevent/reopen"
)

const (
	// readBuffer takes some 2,500 records in one system call.
	readBuffer = 256 << 10
	// maxRecord is more than the size of the largest record: a rename with two names
	// of 255 bytes and three handles.
	maxRecord = 1 << 10
	// readsPerTurn bounds how long new events keep everything else waiting.
	readsPerTurn = 16
	// gather is for how long events collect in the kernel's queue while they keep coming: the queue
	// has no limit, and it also gets the events of everything else on the file system.
	gather = 5 * time.Millisecond
	// rootPoll is how often the root's path is compared with what is watched, and the
	// marks are looked for.
	rootPoll = time.Second
)

// session is the life of one fanotify instance, from the mark on the root's file system
// until the root is lost. Everything belongs to the goroutine in Run.
type session struct {
	w      *Watcher
	h      fsevent.Handler
	queue  kernelqueue.Queue
	mounts mountpoints.Points
	places *places
	// above are the directories above the root with the names that lead to it.
	above     map[inode]string
	uncovered map[string]error // mount points below the root that cannot be watched

	stood   bool
	look    bool      // the root has to be looked at
	doubt   error     // changes may have been dropped
	calm    time.Time // no doubt is settled before this time
	retry   time.Time // of what is uncovered
	remount bool
}

func newSession(w *Watcher) *session {
	return &session{
		w: w, queue: kernelqueue.None(gather), mounts: mountpoints.None(), uncovered: map[string]error{},
		places: newPlaces(w.root, w.kernel, w.opt.Skip),
	}
}

func (s *session) close() {
	s.mounts.Close()
	s.queue.Close()
}

// Run implements reopen.Watch.
func (s *session) Run(ctx context.Context, h fsevent.Handler, arrived fsevent.RootState) (stood bool, err error) {
	s.w.cur.Store(s)
	defer s.w.cur.Store(nil)
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		s.queue.Wake()
		close(ended)
	})
	defer func() {
		if stop() {
			close(ended)
		}
		<-ended
		s.places.end()
		s.close()
		s.w.count.watches.Store(0)
		s.w.count.uncovered.Store(0)
	}()
	s.h = h
	s.markMounts()
	s.stood = true
	if s.w.opt.Debug != nil {
		s.w.opt.Debug(debugMark, s.w.root)
	}
	s.w.log.Info("watching", zap.Int64("file systems", s.w.count.watches.Load()))
	h.Root(arrived)
	buf := make([]byte, readBuffer)
	next := time.Now().Add(rootPoll)
	for {
		changed, err := s.queue.Wait(s.mounts.FD(), int(max(0, time.Until(next))/time.Millisecond)+1)
		if err != nil {
			return true, err
		}
		if ctx.Err() != nil {
			return true, ctx.Err()
		}
		s.remount = s.remount || changed
		if err := s.readAll(buf); err != nil {
			return true, err
		}
		now := time.Now()
		s.look = s.look || s.places.lost || s.remount || !now.Before(next)
		if s.look && s.rootLost() {
			return true, reopen.ErrRootLost
		}
		if s.remount || !now.Before(next) {
			s.followMounts()
			s.retryUncovered(now)
			next = now.Add(rootPoll)
		}
		s.look, s.remount, s.places.lost = false, false, false
		s.settleDoubt(now)
	}
}

// readAll reads and handles what is queued.
func (s *session) readAll(buf []byte) error {
	some := false
	defer func() { s.queue.Turn(some, time.Now()) }()
	for range readsPerTurn {
		n, err := s.queue.Read(buf)
		if err != nil {
			return err
		}
		some = some || n > 0
		if err := s.apply(buf[:n]); err != nil {
			return err
		}
		// The kernel fills the buffer as far as whole records fit.
		if n <= len(buf)-maxRecord {
			return nil
		}
	}
	return nil
}

// apply handles one buffer of records.
func (s *session) apply(buf []byte) error {
	n := int64(0)
	for len(buf) > 0 {
		r, rest, err := nextRecord(buf)
		if err != nil {
			return fmt.Errorf("read fanotify events: %w", err)
		}
		buf = rest
		n++
		s.handle(&r)
	}
	s.places.end()
	if err := s.places.failed; err != nil {
		s.doubt, s.places.failed = err, nil
	}
	s.w.count.records.Add(n)
	return nil
}

// errHandle says that a directory has a handle of another kind than the root has.
var errHandle = errors.New("a directory has an unknown kind of handle")

// handle handles one record.
func (s *session) handle(r *record) {
	switch {
	case r.mask&unix.FAN_Q_OVERFLOW != 0:
		s.w.count.overflows.Add(1)
		s.w.log.Warn("events were lost: the kernel had no memory for them")
		s.lost()
	case r.strange:
		s.doubt = errHandle
	case r.mask&unix.FAN_RENAME != 0 && r.from.name != nil && r.to.name != nil:
		s.renamed(r)
	case r.at.name != nil:
		s.changed(r)
	}
}

// lost asks for a scan that finds what lost records would have reported. Whatever was lost happened
// before the record that says so was read, so a scan that begins later finds it. The mark is still
// set, so that nothing has to be repaired.
func (s *session) lost() {
	s.places.forget() // a rename that brought a directory in may be among it
	s.h.Overflow()
	s.w.count.repairs.Add(1)
	s.h.Repaired()
}

// settleDoubt has a scan find what may have been dropped, not more often than once in a
// turn of rootPoll: a cause can last.
func (s *session) settleDoubt(now time.Time) {
	if s.doubt == nil || now.Before(s.calm) {
		return
	}
	s.calm = now.Add(rootPoll)
	s.w.log.Warn("changes may have been missed, a scan looks for them", zap.Error(s.doubt))
	s.doubt = nil
	s.lost()
}

// changed handles a record about one name. The kernel merges the events of one file under one name,
// and does not report their order: what counts is what a look at the name shows.
func (s *session) changed(r *record) {
	at := s.places.of(&r.at.dir)
	isDir := r.mask&unix.FAN_ONDIR != 0
	if len(at.dirs) == 0 {
		if isDir && r.mask&unix.FAN_DELETE != 0 {
			s.aboveRoot(&r.at)
		}
		return
	}
	if !isDir && !at.deep && s.nameless(r, at) {
		r.mask &^= written
	}
	for _, dir := range at.dirs {
		if at.deep {
			s.whole(dir)
			continue
		}
		path := join(dir, r.at.name)
		if s.w.opt.Debug != nil {
			s.w.opt.Debug(debugRecord, path, r.mask)
		}
		for _, o := range operations {
			if r.mask&o.bit == 0 {
				continue
			}
			e := fsevent.Event{Path: path, Op: o.op, Dir: isDir}
			e.Covered = isDir && o.op == fsevent.Create && !s.skips(path)
			s.event(e)
		}
	}
}

// written are the events about a file's content and attributes.
const written = unix.FAN_MODIFY | unix.FAN_ATTRIB | unix.FAN_CLOSE_WRITE

// nameless tells whether a record is about something written to a file that has lost its name. The
// kernel reports such a write under that name, and by then another file may have the name. A record
// that also reports the removal of the name needs no look: the kernel has merged the write into it,
// and it stands in the queue before every record of a file that has got the name since.
func (s *session) nameless(r *record, at place) bool {
	if r.mask&written == 0 || r.mask&unix.FAN_DELETE != 0 || r.file.size == 0 {
		return false
	}
	return !s.places.holds(&r.at.dir, at, r.at.name, &r.file)
}

// operations are the events that a record can report, in the order in which they happen to a file.
var operations = []struct {
	bit uint64
	op  fsevent.Op
}{
	{unix.FAN_CREATE, fsevent.Create},
	{unix.FAN_MODIFY, fsevent.Modify},
	{unix.FAN_ATTRIB, fsevent.Attrib},
	{unix.FAN_CLOSE_WRITE, fsevent.CloseWrite},
	{unix.FAN_DELETE, fsevent.Delete},
}

// renamed handles a rename: the name that leaves, and the name that arrives.
func (s *session) renamed(r *record) {
	from, to := s.places.of(&r.from.dir), s.places.of(&r.to.dir)
	isDir := r.mask&unix.FAN_ONDIR != 0
	if isDir {
		if len(from.dirs) == 0 {
			s.aboveRoot(&r.from)
		}
		if len(to.dirs) == 0 {
			s.aboveRoot(&r.to)
		}
		// What was outside may be inside now, with all below it. Where the old directory is gone,
		// it is not known whether it was outside.
		if !to.outside && len(from.dirs) == 0 {
			s.places.forget()
		}
	}
	for _, dir := range from.dirs {
		if from.deep {
			s.whole(dir)
			continue
		}
		path := join(dir, r.from.name)
		if s.w.opt.Debug != nil {
			s.w.opt.Debug(debugRecord, path, r.mask)
		}
		s.event(fsevent.Event{Path: path, Op: fsevent.MovedFrom, Dir: isDir})
	}
	for _, dir := range to.dirs {
		if to.deep {
			s.whole(dir)
			continue
		}
		e := fsevent.Event{Path: join(dir, r.to.name), Op: fsevent.MovedTo, Dir: isDir}
		e.Covered = isDir && !s.skips(e.Path)
		e.Arrived = !isDir && len(from.dirs) > 0 && fsevent.Received(base(from.dirs[0]), string(r.from.name), string(r.to.name))
		if len(from.dirs) == 1 && len(to.dirs) == 1 && !from.deep {
			e.From = join(from.dirs[0], r.from.name)
		}
		if s.w.opt.Debug != nil {
			s.w.opt.Debug(debugRecord, e.Path, r.mask)
		}
		s.event(e)
	}
}

// whole reports a directory as changed with all below it.
func (s *session) whole(dir string) {
	s.event(fsevent.Event{Path: dir, Op: fsevent.Create, Dir: true, Covered: true})
}

func (s *session) event(e fsevent.Event) {
	s.w.count.events.Add(1)
	s.h.Event(e)
}

func (s *session) skips(path string) bool {
	return s.w.opt.Skip != nil && path != "" && s.w.opt.Skip(path)
}

// aboveRoot follows renames of directories outside of the root: if the directory is above the root,
// paths have just changed, and verdicts may be wrong.
func (s *session) aboveRoot(e *entry) {
	if name, leads := s.above[e.dir]; leads && name == string(e.name) {
		s.places.forget()
		s.look, s.doubt = true, errMoved
	}
}

func join(dir string, name []byte) string {
	switch {
	case string(name) == ".":
		return dir
	case dir == "":
		return string(name)
	}
	return dir + "/" + string(name)
}

// base is the last name of a path.
func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// rootLost compares what is at the root's path with what is watched.
func (s *session) rootLost() bool {
	root := s.places.points[0]
	fd, err := unix.Open(s.w.root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	if !root.is(fd) || !s.marked(fd) {
		return true
	}
	if s.doubt != nil {
		above, err := s.w.kernel.above(fd)
		if err != nil {
			return true
		}
		s.above = above
	}
	return false
}
