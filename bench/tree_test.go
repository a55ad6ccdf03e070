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

// spec describes a set of files that is to be written.
type spec struct {
	dirs, files  int // the number of directories, and of all files
	least, most  int // the smallest and the largest size of a file, in bytes
	differential int // a seed: trees with the same seed are equal
}

// paths lists the files, relative to the directory above top.
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
	// look is how long one waits between two looks at a target.
	look = time.Millisecond
	// patience is how long a contender may take for one work.
	patience = 90 * time.Second
)

// arrived waits until all paths exist below root, and returns when that was. A receiver renames a
// file into place once it is complete. Each look costs one stat until the next path exists.
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

// arrivals is told by the kernel of each file that is renamed into place, and need not look for it.
type arrivals struct {
	b  *testing.B
	fd int
	// buf holds the result of one read; rest is the part of it that was not used yet.
	buf  [64 << 10]byte
	rest []byte
}

// watch watches the directories; their watch descriptors count from 1.
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

// wait returns the time at which the next file arrives, and false if that takes longer than
// patience.
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
	// The fields of struct inotify_event are wd, mask, cookie, len and name.
	size := unix.SizeofInotifyEvent + int(uint32(a.rest[12])|uint32(a.rest[13])<<8)
	a.rest = a.rest[size:]
	return now, true
}

// drain drops the events of files that have arrived already.
func (a *arrivals) drain() {
	a.rest = nil
	poll := []unix.PollFd{{Fd: int32(a.fd), Events: unix.POLLIN}}
	for {
		// A negative result is EINTR, because the Go runtime sends signals.
		if n, _ := unix.Poll(poll, 0); n <= 0 {
			return
		}
		_, _ = unix.Read(a.fd, a.buf[:])
	}
}
