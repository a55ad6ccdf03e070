package inotify

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// readBuffer takes some 8,000 events in one system call.
	readBuffer = 256 << 10
	// maxRecord is the size of the largest record (NAME_MAX is 255).
	maxRecord = unix.SizeofInotifyEvent + 256
	// readsPerTurn bounds how long new events keep everything else waiting.
	readsPerTurn = 16
	// rootPoll is how often the root's path is compared with what is watched:
	// a rename of a directory above the root gives no event.
	rootPoll = time.Second
)

// session is the life of one inotify instance, from the first watch on the
// root until the root is lost. The goroutine in run reads and applies events,
// keeps time, and makes all calls of the Handler; walks run in goroutines that
// it starts.
//
// Order of events: the reader applies the kernel's queue in order, so that for
// it the table is right as of the event it handles. A walk places what is on
// disk now, which may be ahead of the queue. A node placed by a walk is
// therefore unsettled until the queue has been seen empty: an event about its
// name may be about an earlier holder of the name, and is answered by a look
// at the disk (a verify job) instead of a change of the table.
type session struct {
	w   *Watcher
	id  unix.Stat_t // of the root
	ifd int
	efd int // wakes the reader
	wg  sync.WaitGroup

	// moves counts the directory removals and renames that the reader has
	// applied. A walk that finds it unchanged between opening a directory and
	// placing it knows that no event about the name was applied too early.
	moves atomic.Uint64

	mu       sync.Mutex
	t        *table
	rootWd   int32
	epoch    uint32 // how often the queue was seen empty
	placed   uint32 // epoch of the latest placement by a walk
	limbo    map[int32]limboed
	cookies  map[uint32]int32 // MOVED_FROM waiting for its MOVED_TO: wd
	doomed   []int32          // wds whose watches are to be removed
	jobs     jobs
	uncov    map[jobKey]error
	uncovAll bool // too many to list: the next round walks everything
	freed    bool // watches became free
	repair   repair
	out      []note // for the reader to deliver
	lost     bool   // the root is to be looked at

	// Owned by the reader.
	batch     []Event
	path      []byte
	pathNode  int32
	pathVer   uint64
	overflow  bool
	mounts    mounts
	stream    stream
	nextRoot  time.Time
	nextRetry time.Time
}

// note is a call of the Handler which a worker asks for.
type note struct {
	event Event // unless Op is 0
	path  string
	mount bool  // Mount(path), gone and come, when event.Op is 0
	err   error // else Uncovered(path, err)
}

func newSession(w *Watcher) *session {
	return &session{
		w: w, ifd: -1, efd: -1, t: newTable(), pathNode: none, epoch: 2,
		limbo: map[int32]limboed{}, cookies: map[uint32]int32{}, uncov: map[jobKey]error{},
		jobs: jobs{pending: map[jobKey]*job{}, looks: map[jobKey]bool{}}, mounts: mounts{fd: -1},
	}
}

func (s *session) close() {
	s.mounts.close()
	for _, fd := range []int{s.ifd, s.efd} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

func (s *session) watchRoot(fd int) error {
	wd, err := s.w.kernel.add(s.ifd, fd, s.w.opt.mask()|rootOnly, func() string { return s.w.root })
	if err != nil {
		return err
	}
	s.rootWd = wd
	s.t.root = s.t.create(wd)
	if s.w.opt.OnWatch != nil {
		s.w.opt.OnWatch("", wd)
	}
	return nil
}

// run returns when the root is lost, with stood telling whether the handler
// has been told of its arrival, when ctx ends, or on an error of the kernel.
func (s *session) run(ctx context.Context, h Handler, arrived RootState) (stood bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		s.wake()
		close(ended)
	})
	defer func() {
		cancel()
		if stop() {
			close(ended)
		}
		<-ended
		s.wg.Wait()
		s.close()
		s.w.count.watches.Store(0)
		s.w.count.uncovered.Store(0)
	}()
	s.w.count.watches.Store(1)
	s.repair = repair{wanted: true, arrived: arrived}
	s.nextRoot = time.Now().Add(rootPoll)
	buf := make([]byte, readBuffer)
	timeout := 0
	for {
		if err := s.wait(timeout); err != nil {
			return s.repair.stood, err
		}
		if ctx.Err() != nil {
			return s.repair.stood, ctx.Err()
		}
		if err := s.readAll(buf, h); err != nil {
			return s.repair.stood, err
		}
		s.deliver(h)
		timeout = s.housekeep(ctx, h)
		if s.rootLost() {
			return s.repair.stood, errRootLost
		}
	}
}

// wake makes the reader take a turn.
func (s *session) wake() {
	one := [8]byte{1, 0, 0, 0, 0, 0, 0, 1}
	// EAGAIN: the counter is full, so the reader is awake already.
	_, _ = unix.Write(s.efd, one[:])
}

// wait sleeps until there is something to do, at most timeout milliseconds.
func (s *session) wait(timeout int) error {
	fds := []unix.PollFd{
		{Fd: int32(s.ifd), Events: unix.POLLIN},
		{Fd: int32(s.efd), Events: unix.POLLIN},
		// proc(5): a change of the mounts is POLLPRI. A negative fd is ignored.
		{Fd: int32(s.mounts.fd), Events: unix.POLLPRI},
	}
	if s.stream.on() {
		fds[0].Fd, timeout = -1, streamPause
	}
	if _, err := unix.Poll(fds, timeout); err != nil && err != unix.EINTR {
		return fmt.Errorf("poll: %w", err)
	}
	if fds[1].Revents != 0 {
		var count [8]byte
		_, _ = unix.Read(s.efd, count[:])
	}
	s.mounts.changed = s.mounts.changed || fds[2].Revents != 0
	return nil
}

// readAll reads and handles what is queued.
func (s *session) readAll(buf []byte, h Handler) error {
	some := false
	defer func() { s.stream.read(some, time.Now()) }()
	for range readsPerTurn {
		n, err := unix.Read(s.ifd, buf)
		if err == unix.EINTR {
			continue
		}
		if err == unix.EAGAIN {
			n = 0
		} else if err != nil {
			return fmt.Errorf("read inotify events: %w", err)
		}
		some = some || n > 0
		if err := s.apply(buf[:n], n <= len(buf)-maxRecord, h); err != nil {
			return err
		}
		// The kernel fills the buffer as far as whole records fit.
		if n <= len(buf)-maxRecord {
			return nil
		}
	}
	return nil
}

// apply handles one buffer of records: the table under the lock, then the
// handler without it. drained says that the queue was empty after it.
func (s *session) apply(buf []byte, drained bool, h Handler) error {
	if err := s.show(buf); err != nil {
		return err
	}
	s.mu.Lock()
	for len(buf) > 0 {
		r, rest, err := nextRecord(buf)
		if err != nil {
			break // show has reported it
		}
		buf = rest
		s.handle(&r)
	}
	if drained {
		s.epoch++
	}
	s.mu.Unlock()
	for i := range s.batch {
		h.Event(s.batch[i])
		s.batch[i].Path = ""
	}
	s.w.count.events.Add(int64(len(s.batch)))
	s.batch = s.batch[:0]
	if s.overflow {
		s.overflow = false
		s.w.count.overflows.Add(1)
		s.w.log.Warn("event queue overflow, walking the tree again; to make it rarer: sysctl -w fs.inotify.max_queued_events=327679")
		h.Overflow()
	}
	return nil
}

// show counts the records, checks them and hands them to the debug hook.
func (s *session) show(buf []byte) error {
	n := int64(0)
	for len(buf) > 0 {
		r, rest, err := nextRecord(buf)
		if err != nil {
			return fmt.Errorf("read inotify events: %w", err)
		}
		buf = rest
		n++
		if s.w.opt.OnRecord != nil {
			s.w.opt.OnRecord(r.wd, string(r.name), r.mask)
		}
	}
	s.w.count.records.Add(n)
	return nil
}

// deliver makes the calls that workers have asked for.
func (s *session) deliver(h Handler) {
	s.mu.Lock()
	out := s.out
	s.out = nil
	s.mu.Unlock()
	for _, n := range out {
		switch {
		case n.event.Op != 0:
		case n.mount:
			h.Mount(n.path, false)
			h.Mount(n.path, true)
			continue
		default:
			h.Uncovered(n.path, n.err)
			continue
		}
		s.w.count.events.Add(1)
		h.Event(n.event)
	}
}

// rootLost compares what stands at the root's path with what is watched.
func (s *session) rootLost() bool {
	s.mu.Lock()
	look := s.lost
	s.lost = false
	gone := s.t.root == none
	s.mu.Unlock()
	now := time.Now()
	if gone || !look && now.Before(s.nextRoot) {
		return gone
	}
	s.nextRoot = now.Add(rootPoll)
	var st unix.Stat_t
	err := unix.Stat(s.w.root, &st)
	return err != nil || st.Dev != s.id.Dev || st.Ino != s.id.Ino
}
