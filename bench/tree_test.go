package bench

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// spec is a set of files to be written.
type spec struct {
	dirs, files  int // files in all
	least, most  int // bytes of a file
	differential int // seed, so that equal trees are equal
}

// paths lists the files, relative to the top.
func (s spec) paths(top string) []string {
	out := make([]string, s.files)
	for i := range out {
		dir := top
		if s.dirs > 1 {
			dir = fmt.Sprintf("%s/d%03d", top, i*s.dirs/s.files)
		}
		out[i] = fmt.Sprintf("%s/file%05d", dir, i)
	}
	return out
}

// make writes the files below root and returns when it began and ended.
func (s spec) make(b *testing.B, root, top string) (first, last time.Time) {
	b.Helper()
	rng := rand.New(rand.NewPCG(1, uint64(s.differential)))
	buf := make([]byte, s.most)
	for i := range buf {
		buf[i] = byte(rng.Uint32())
	}
	paths := s.paths(top)
	first = time.Now()
	made := ""
	for _, p := range paths {
		if dir := filepath.Dir(p); dir != made {
			if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
				b.Fatal(err)
			}
			made = dir
		}
		n := s.least + rng.IntN(s.most-s.least+1)
		write(b, root+"/"+p, buf[:n])
	}
	return first, time.Now()
}

const (
	// look is how often a target is looked at.
	look = time.Millisecond
	// patience is how long a contender may take for one work.
	patience = 90 * time.Second
)

// arrived waits until all paths exist below root, and returns when. A receiver
// renames a file into place once it is complete. Each look costs one stat
// until the next path is there.
func arrived(root string, paths []string) (at time.Time, ok bool) {
	return until(func() bool {
		for len(paths) > 0 {
			if unix.Access(root+"/"+paths[0], unix.F_OK) != nil {
				return false
			}
			paths = paths[1:]
		}
		return true
	})
}

// vanished waits until the path is gone.
func vanished(path string) (at time.Time, ok bool) {
	return until(func() bool { return unix.Access(path, unix.F_OK) != nil })
}

func until(cond func() bool) (time.Time, bool) {
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		if cond() {
			return time.Now(), true
		}
		if now := <-tick.C; now.After(deadline) {
			return now, false
		}
	}
}

// arrivals sees files being renamed into place, without looking for them.
type arrivals struct {
	b  *testing.B
	fd int
	// buf holds what one read returned; rest what of it is unread.
	buf  [64 << 10]byte
	rest []byte
}

// watch follows the directories; the watch descriptors count from 1.
func watch(b *testing.B, dirs ...string) *arrivals {
	b.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = unix.Close(fd) })
	for _, dir := range dirs {
		if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MOVED_TO); err != nil {
			b.Fatalf("watch %s: %v", dir, err)
		}
	}
	return &arrivals{b: b, fd: fd}
}

// wait returns when the next file arrives, false after the patience.
func (a *arrivals) wait() (time.Time, bool) {
	if len(a.rest) == 0 {
		poll := []unix.PollFd{{Fd: int32(a.fd), Events: unix.POLLIN}}
		n, err := unix.Poll(poll, int(patience/time.Millisecond))
		for err == unix.EINTR {
			n, err = unix.Poll(poll, int(patience/time.Millisecond))
		}
		if n == 0 || err != nil {
			return time.Now(), false
		}
		if n, err = unix.Read(a.fd, a.buf[:]); err != nil {
			a.b.Error(err)
			return time.Now(), false
		}
		a.rest = a.buf[:n]
	}
	now := time.Now()
	// struct inotify_event: wd, mask, cookie, len, name.
	size := unix.SizeofInotifyEvent + int(uint32(a.rest[12])|uint32(a.rest[13])<<8)
	a.rest = a.rest[size:]
	return now, true
}

// drain forgets what has arrived already.
func (a *arrivals) drain() {
	a.rest = nil
	poll := []unix.PollFd{{Fd: int32(a.fd), Events: unix.POLLIN}}
	for {
		// Less than none is EINTR, from a signal of the Go runtime's.
		if n, _ := unix.Poll(poll, 0); n <= 0 {
			return
		}
		_, _ = unix.Read(a.fd, a.buf[:])
	}
}
