package child

import (
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// gatherAfter is how many reads of a child's output follow each other without a pause, so that
	// the output of a small run is never delayed.
	gatherAfter = 16
	// gatherFor is the pause between two reads from then on, in which lines gather; gatherMost is
	// the longest pause, which is reached when no lines come.
	gatherFor  = 4 * time.Millisecond
	gatherMost = 64 * time.Millisecond
	// gatherLess: only after a read of fewer bytes than this is there a pause. A pipe holds 64 KiB,
	// and the child must not have to wait for its reader.
	gatherLess = 16 << 10
)

// gathering reads a child's output, which comes line by line. In a long run, waking up for each
// file costs more than handling its line. So after some reads it reads only from time to time, from
// a descriptor that the runtime's poller does not know: the poller would be woken by each write
// even when nobody reads. Read is called by one goroutine, Close by any.
type gathering struct {
	file *os.File
	shut chan struct{} // closed by Close
	once sync.Once

	// Owned by the reader.
	gone  <-chan struct{} // closed when the child has ended and all its output is in the pipe; nil once that is known
	reads int
	fd    int           // of its own; -1 while file is read
	wait  time.Duration // before the next read
}

func newGathering(file *os.File, gone <-chan struct{}) *gathering {
	return &gathering{file: file, gone: gone, shut: make(chan struct{}), fd: -1}
}

// Read returns io.EOF at the end of the output, and after Close.
func (g *gathering) Read(b []byte) (int, error) {
	if g.fd < 0 && g.reads < gatherAfter {
		g.reads++
		return g.file.Read(b)
	}
	if g.fd < 0 && !g.detach() {
		return g.file.Read(b)
	}
	for {
		if !g.pause() {
			return 0, g.end()
		}
		n, err := unix.Read(g.fd, b)
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			g.wait = min(max(gatherFor, 2*g.wait), gatherMost)
		case err != nil:
			_ = g.end()
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, g.end()
		case n < gatherLess:
			g.wait = gatherFor
			return n, nil
		default:
			g.wait = 0
			return n, nil
		}
	}
}

// detach takes the pipe from the runtime's poller.
func (g *gathering) detach() bool {
	raw, err := g.file.SyscallConn()
	if err != nil {
		return false
	}
	var failed error
	err = raw.Control(func(fd uintptr) { g.fd, failed = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err != nil || failed != nil {
		g.fd = -1
		return false
	}
	_ = g.file.Close()
	return true
}

// pause lets lines gather, unless the child has ended; false after Close.
func (g *gathering) pause() bool {
	select {
	case <-g.shut:
		return false
	default:
	}
	if g.wait == 0 {
		return true
	}
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	select {
	case <-g.shut:
		return false
	case <-timer.C:
	case <-g.gone:
		g.gone = nil // what comes now was written by a process that the child has left behind
	}
	return true
}

// end gives up the descriptor.
func (g *gathering) end() error {
	_ = unix.Close(g.fd)
	g.fd = -1
	return io.EOF
}

// Close ends a Read that waits.
func (g *gathering) Close() error {
	g.once.Do(func() { close(g.shut) })
	return g.file.Close()
}
