package inotify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent"
)

// Files is a fsevent.Files: an inotify instance with watches on single files.
type Files struct {
	kernel *kernel
	mask   uint32
	ifd    int
	events *os.File // ifd, for reads that can be ended

	mu  sync.Mutex
	wds map[fsevent.FileID]int32
	ids map[int32]fsevent.FileID
}

// NewFiles opens an inotify instance without a watch. modify asks for Modify
// events beside those of the other kinds. The caller closes it.
func NewFiles(modify bool) (*Files, error) { return newFiles(realKernel(), modify) }

func newFiles(k *kernel, modify bool) (*Files, error) {
	ifd, err := k.init(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify_init1: %w%s", err, initRemedy(err))
	}
	f := &Files{
		kernel: k, mask: unix.IN_CLOSE_WRITE | unix.IN_ATTRIB, ifd: ifd, events: os.NewFile(uintptr(ifd), "inotify"),
		wds: map[fsevent.FileID]int32{}, ids: map[int32]fsevent.FileID{},
	}
	if modify {
		f.mask |= unix.IN_MODIFY
	}
	return f, nil
}

// Close implements fsevent.Files.
func (f *Files) Close() error { return f.events.Close() }

// Watch implements fsevent.Files.
func (f *Files) Watch(fd int, id fsevent.FileID) (fresh bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	wd, err := f.kernel.add(f.ifd, fd, f.mask, func() string { return "" })
	if err != nil {
		return false, fmt.Errorf("inotify_add_watch: %w%s", err, watchRemedy(err))
	}
	old, known := f.wds[id]
	if known && old == wd {
		return false, nil
	}
	// If the file is known with another descriptor, it was forgotten, or it was deleted and another
	// file has got its inode number: the record of the end of that watch is still queued.
	f.wds[id], f.ids[wd] = wd, id
	return true, nil
}

// Forget implements fsevent.Files.
func (f *Files) Forget(id fsevent.FileID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if wd, ok := f.wds[id]; ok {
		_, _ = unix.InotifyRmWatch(f.ifd, uint32(wd))
	}
}

// Run implements fsevent.Files.
func (f *Files) Run(ctx context.Context, pass func(fsevent.FileEvent)) error {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = f.events.SetReadDeadline(time.Unix(1, 0))
		close(ended)
	})
	defer func() {
		if !stop() {
			<-ended
		}
		_ = f.events.SetReadDeadline(time.Time{})
	}()
	buf := make([]byte, fileBuffer)
	for {
		n, err := f.events.Read(buf)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && !errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("read inotify events of files: %w", err)
		}
		if err := f.handle(buf[:max(0, n)], pass); err != nil {
			return err
		}
	}
}

// fileBuffer takes some 250 records: files with several names are few.
const fileBuffer = 4 << 10

func (f *Files) handle(buf []byte, pass func(fsevent.FileEvent)) error {
	for len(buf) > 0 {
		r, rest, err := nextRecord(buf)
		if err != nil {
			return fmt.Errorf("read inotify events of files: %w", err)
		}
		buf = rest
		if e, ok := f.translate(&r); ok {
			pass(e)
		}
	}
	return nil
}

// translate makes an event of a record; ok is false if the record matters to nobody.
func (f *Files) translate(r *record) (e fsevent.FileEvent, ok bool) {
	if r.mask&unix.IN_Q_OVERFLOW != 0 {
		return fsevent.FileEvent{}, true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if e.ID, ok = f.ids[r.wd]; !ok {
		return e, false
	}
	if r.mask&unix.IN_IGNORED != 0 {
		delete(f.ids, r.wd)
		if f.wds[e.ID] != r.wd {
			return e, false // it is watched anew
		}
		delete(f.wds, e.ID)
		e.Op = fsevent.Delete
		return e, true
	}
	e.Op = opOf(r.mask)
	return e, e.Op != 0
}
