package fstree

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	// defaultBuffer holds about 1,000 entries: one system call lists most
	// directories, and it stays in the processor's cache.
	defaultBuffer = 32 << 10
	// defaultMaxOpen stays far below the usual limit of 1024 descriptors.
	defaultMaxOpen = 256
	// perWorker is how many waiting directories justify one more worker; a
	// small tree is walked by the caller alone.
	perWorker = 16
)

// ErrSkip is what Enter returns to leave a directory unlisted.
var ErrSkip = errors.New("skip directory")

// WalkOptions configures a walk. The callbacks run in several goroutines at once;
// those for one directory are called one after the other. All may be nil.
type WalkOptions struct {
	// Workers bounds the goroutines; 0 means twice the processors, at most 8.
	Workers int
	// MaxOpen bounds the descriptors held open between callbacks (roughly:
	// each worker may hold two more); 0 means 256.
	MaxOpen int
	// Buffer is the listing buffer of the calling goroutine, at least 4 KiB;
	// nil allocates one.
	Buffer []byte

	// Chdir has the workers of a large walk change to a directory before Enter is called for it;
	// Dir.Here says whether that was done. Each worker is then a thread with a working directory of
	// its own (unshare(2), CLONE_FS); that of the program does not change.
	Chdir bool

	// Stamp is called right before a directory is opened.
	Stamp func() uint64
	// Enter gets a directory which is open and not yet listed. ErrSkip skips
	// it, any other error is passed to Error and skips it too.
	Enter func(d *Dir) error
	// Entries gets the listing, in one or several batches.
	Entries func(d *Dir, batch []Entry)
	// Descend tells whether a directory found in d is to be opened; nil means
	// all are.
	Descend func(d *Dir, name string) bool
	// Error is called for what could not be opened or listed. A directory that vanished meanwhile
	// is no error.
	Error func(d *Dir, name string, err error)
}

// Walk walks everything below the open directory fd, which stays the caller's,
// in no particular order, and returns when all workers have ended. rel is the
// path that fd stands for; paths handed to callbacks start with it. It
// returns the error of ctx, or of fd if that cannot be listed at all.
func Walk(ctx context.Context, fd int, rel string, opt WalkOptions) error {
	if opt.Workers <= 0 {
		opt.Workers = min(8, 2*runtime.GOMAXPROCS(0))
	}
	if opt.MaxOpen <= 0 {
		opt.MaxOpen = defaultMaxOpen
	}
	w := &walker{ctx: ctx, opt: opt}
	w.cond.L = &w.mu
	buf := opt.Buffer
	if len(buf) < 4096 {
		buf = make([]byte, defaultBuffer)
	}
	start := &Dir{Name: rel, FD: fd, hold: borrowed, refs: 1, users: 1}
	if opt.Stamp != nil {
		start.Stamp = opt.Stamp()
	}
	// The position of a descriptor that was listed before is at the end.
	if _, err := unix.Seek(fd, 0, unix.SEEK_SET); err != nil {
		return fmt.Errorf("lseek: %w", err)
	}
	w.active, w.running = 1, 1
	// The calling goroutine cannot be given a thread with a working directory of its own: it leaves
	// a walk that turns out to be large to workers that have one.
	l := lister{buf: buf, leaves: opt.Chdir}
	w.visit(start, &l)
	w.work(&l)
	w.wg.Wait()
	return ctx.Err()
}

// item is a directory to open.
type item struct {
	parent *Dir
	name   string
}

type walker struct {
	ctx context.Context //nolint:containedctx // a walker lives as long as one call of Walk, whose context this is
	opt WalkOptions
	wg  sync.WaitGroup

	mu      sync.Mutex
	cond    sync.Cond // stack grew, or the walk is over
	stack   []item    // last in, first out: keeps few directories open
	active  int       // workers inside a directory
	running int       // workers alive
	open    int       // descriptors held
}

// work takes directories until none is left and none can come any more. The
// caller counts as active when it calls work.
func (w *walker) work(l *lister) {
	w.mu.Lock()
	w.active--
	for {
		if l.leaves && w.running > 1 {
			w.running--
			w.cond.Broadcast() // nobody else may be active any more
			w.mu.Unlock()
			return
		}
		for len(w.stack) == 0 && w.active > 0 {
			w.cond.Wait()
		}
		if len(w.stack) == 0 {
			w.cond.Broadcast()
			w.mu.Unlock()
			return
		}
		it := w.stack[len(w.stack)-1]
		w.stack = w.stack[:len(w.stack)-1]
		it.parent.users++
		w.active++
		w.mu.Unlock()
		w.child(it, l)
		w.mu.Lock()
		w.active--
		if w.active == 0 && len(w.stack) == 0 {
			w.cond.Broadcast()
		}
	}
}

// child opens and visits one directory.
func (w *walker) child(it item, l *lister) {
	defer w.release(it.parent, true)
	if w.ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	reopen := it.parent.hold == parked
	w.mu.Unlock()
	if reopen {
		if err := w.reopen(it.parent); err != nil {
			w.fail(it.parent, it.name, err)
			return
		}
	}
	d := &Dir{Parent: it.parent, Name: it.name, refs: 1, users: 1}
	if w.opt.Stamp != nil {
		d.Stamp = w.opt.Stamp()
	}
	fd, err := OpenIn(it.parent.FD, it.name)
	if err != nil {
		if !Vanished(err) {
			w.fail(it.parent, it.name, fmt.Errorf("open: %w", err))
		}
		return
	}
	d.FD = fd
	w.mu.Lock()
	w.open++
	w.mu.Unlock()
	w.visit(d, l)
}

// visit runs the callbacks for an open directory and gives up the caller's
// hold on it.
func (w *walker) visit(d *Dir, l *lister) {
	defer w.release(d, true)
	d.Here = l.own && unix.Fchdir(d.FD) == nil
	if w.opt.Enter != nil {
		if err := w.opt.Enter(d); err != nil {
			if !errors.Is(err, ErrSkip) {
				w.fail(d, "", err)
			}
			return
		}
	}
	for w.ctx.Err() == nil {
		n, err := unix.Getdents(d.FD, l.buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			// ENOENT: the directory was removed after it was opened.
			if !errors.Is(err, unix.ENOENT) {
				w.fail(d, "", fmt.Errorf("getdents64: %w", err))
			}
			return
		}
		if n == 0 {
			return
		}
		if l.entries, err = parseDirents(l.buf[:n], l.entries[:0]); err != nil {
			w.fail(d, "", err)
		}
		resolveTypes(d.FD, l.entries)
		if w.opt.Entries != nil {
			w.opt.Entries(d, l.entries)
		}
		w.push(d, l)
	}
}

// resolveTypes fills in the types that the file system left out.
func resolveTypes(fd int, entries []Entry) {
	for i := range entries {
		if entries[i].Type != unix.DT_UNKNOWN {
			continue
		}
		var st unix.Stat_t
		if unix.Fstatat(fd, string(entries[i].Name), &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
			// DT_* are the S_IFMT bits shifted (readdir(3)).
			entries[i].Type = uint8((st.Mode & unix.S_IFMT) >> 12)
		}
	}
}

// push puts the directories of a batch on the stack.
func (w *walker) push(d *Dir, l *lister) {
	l.names, l.ends = l.names[:0], l.ends[:0]
	for _, e := range l.entries {
		if e.Type == unix.DT_DIR {
			l.names = append(l.names, e.Name...)
			l.ends = append(l.ends, len(l.names))
		}
	}
	if len(l.ends) == 0 {
		return
	}
	// One string for all names of the batch: one allocation.
	all, from := string(l.names), 0
	l.items = l.items[:0]
	for _, end := range l.ends {
		name := all[from:end]
		from = end
		if w.opt.Descend == nil || w.opt.Descend(d, name) {
			l.items = append(l.items, item{d, name})
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stack = append(w.stack, l.items...)
	d.refs += len(l.items)
	if w.active < w.running {
		w.cond.Broadcast()
	}
	if w.open > w.opt.MaxOpen {
		w.parkLocked()
	}
	most := w.opt.Workers
	if l.leaves {
		most++
	}
	if w.running < most && len(w.stack) > w.running*perWorker {
		w.running++
		w.active++
		w.wg.Go(w.help)
	}
}

// help runs one more worker.
func (w *walker) help() {
	l := &lister{buf: make([]byte, defaultBuffer)}
	if w.opt.Chdir {
		onOwnThread(func(own bool) {
			l.own = own
			w.work(l)
		})
		return
	}
	w.work(l)
}

// release gives up one use of d, and its reference when ref is set, and
// closes it after the last one.
func (w *walker) release(d *Dir, ref bool) {
	w.mu.Lock()
	d.users--
	if ref {
		d.refs--
	}
	last := d.refs == 0 && d.users == 0 && d.hold == owned
	fd := d.FD
	if last {
		// A directory below may outlive this one and be opened again from here: it must not find a
		// descriptor number that belongs to another file by now.
		d.FD, d.hold = -1, parked
		w.open--
	}
	w.mu.Unlock()
	if last {
		unix.Close(fd)
	}
}

func (w *walker) fail(d *Dir, name string, err error) {
	if w.opt.Error != nil {
		w.opt.Error(d, name, err)
	}
}

// lister holds what a worker needs to list directories, reused throughout.
type lister struct {
	buf     []byte
	entries []Entry
	names   []byte
	ends    []int
	items   []item
	// leaves: the worker ends once there are others. own: its thread has a working directory of its
	// own.
	leaves, own bool
}
