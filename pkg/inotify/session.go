package inotify

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/fsevent/kernelqueue"
	"github.com/sersync/sersync/pkg/fsevent/mountpoints"
	"github.com/sersync/sersync/pkg/fsevent/reopen"
)

const (
	// readBuffer takes some 8,000 events in one system call.
	readBuffer = 256 << 10
	// maxRecord is the size of the largest record (NAME_MAX is 255).
	maxRecord = unix.SizeofInotifyEvent + 256
	// readsPerTurn bounds how many reads follow each other before other work is done.
	readsPerTurn = 16
	// rootPoll is how often it is checked whether the root's path still leads to the watched
	// directory: a rename of a directory above the root gives no event.
	rootPoll = time.Second
)

// session is the life of one inotify instance, from the first watch on the
// root until the root is lost. The goroutine in run reads and applies events,
// keeps time, and makes all calls of the Handler; walks run in goroutines that
// it starts.
//
// Order of events: the reader applies the kernel's queue in order, so that for the reader the table
// is right as of the event that it handles. A walk places what is on disk now, which may be ahead
// of the queue. A node placed by a walk is therefore unsettled until the queue has been seen empty:
// an event about its name may be about an earlier holder of the name, and is answered by a look at
// the disk (a job) instead of a change of the table.
//
// Locks: the fields below mu are guarded by it; tree, jobs, uncovered, repair and inventory have no
// lock of their own, so that all their methods are called with mu held. So are the methods of
// session whose names end in Locked; the others take mu themselves.
type session struct {
	w    *Watcher
	id   unix.Stat_t // of the root
	inst instance
	wg   sync.WaitGroup

	// moves counts the directory removals and renames that the reader has
	// applied. A walk that finds it unchanged between opening a directory and
	// placing it knows that no event about the name was applied too early.
	moves atomic.Uint64

	mu        sync.Mutex
	t         *tree
	jobs      jobs
	uncovered uncovered
	repair    repair
	inventory *inventory // nil when nobody needs it
	out       []note     // for the reader to deliver
	lost      bool       // the reader has to look at the root
	stood     bool       // Handler.Root was called: the tree is watched

	// Owned by the reader.
	arrived  fsevent.RootState // the state with which Handler.Root is called once the tree is watched
	batch    batch
	renames  renames
	overflow bool // the reader has to call Handler.Overflow
	mounts   mounts
	nextRoot time.Time
}

// note is a call of the Handler which a worker asks for.
type note struct {
	event fsevent.Event // unless Op is 0
	path  string
	mount bool  // Mount(path), gone and come, when event.Op is 0
	err   error // else Uncovered(path, err)
}

func newSession(w *Watcher) *session {
	s := &session{
		w: w, inst: instance{kernelqueue.None(kernelqueue.Short)}, t: newTree(), jobs: newJobs(),
		uncovered: uncovered{dirs: map[jobKey]error{}}, batch: batch{node: none}, mounts: mounts{Points: mountpoints.None()},
	}
	if w.opt.Inventory != nil && w.opt.Inventory() {
		s.inventory = newInventory()
	}
	return s
}

func (s *session) close() {
	s.mounts.Close()
	s.inst.Close()
}

func (s *session) watchRoot(fd int) error {
	wd, err := s.w.kernel.add(s.inst.FD, fd, s.w.opt.mask()|rootOnly, func() string { return s.w.root })
	if err != nil {
		return err
	}
	s.t.rootWd, s.t.root = wd, s.t.create(wd)
	if s.w.opt.Debug != nil {
		s.w.opt.Debug(debugWatch, "", wd)
	}
	return nil
}

// Run implements reopen.Watch.
func (s *session) Run(ctx context.Context, h fsevent.Handler, arrived fsevent.RootState) (stood bool, err error) {
	s.w.cur.Store(s)
	defer s.w.cur.Store(nil)
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		s.inst.Wake()
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
	s.repair.wanted, s.arrived = true, arrived
	s.nextRoot = time.Now().Add(rootPoll)
	buf := make([]byte, readBuffer)
	timeout := 0
	for {
		remounted, err := s.inst.Wait(s.mounts.FD(), timeout)
		if err != nil {
			return s.stood, err
		}
		s.mounts.changed = s.mounts.changed || remounted
		if ctx.Err() != nil {
			return s.stood, ctx.Err()
		}
		if err := s.readAll(buf, h); err != nil {
			return s.stood, err
		}
		s.deliver(h)
		timeout = s.housekeep(ctx, h)
		if s.rootLost() {
			return s.stood, reopen.ErrRootLost
		}
	}
}

// readAll reads and handles what is queued.
func (s *session) readAll(buf []byte, h fsevent.Handler) error {
	some := false
	defer func() { s.inst.Turn(some, time.Now()) }()
	for range readsPerTurn {
		n, err := s.inst.Read(buf)
		if err != nil {
			return err
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
func (s *session) apply(buf []byte, drained bool, h fsevent.Handler) error {
	if err := s.show(buf); err != nil {
		return err
	}
	s.mu.Lock()
	for len(buf) > 0 {
		r, rest, err := nextRecord(buf)
		if err != nil {
			break // show has reported the malformed record
		}
		buf = rest
		s.handleLocked(&r)
	}
	if drained {
		s.t.epoch++
	}
	s.mu.Unlock()
	s.w.count.events.Add(s.batch.pass(h))
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
		if s.w.opt.Debug != nil {
			s.w.opt.Debug(debugRecord, r.wd, string(r.name), r.mask)
		}
	}
	s.w.count.records.Add(n)
	return nil
}

// deliver makes the calls that workers have asked for.
func (s *session) deliver(h fsevent.Handler) {
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

// rootLost tells whether the root's path no longer leads to the watched directory.
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
	s.keepInventory()
	var st unix.Stat_t
	err := unix.Stat(s.w.root, &st)
	return err != nil || st.Dev != s.id.Dev || st.Ino != s.id.Ino
}
