package daemonize

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/safefile"
)

const (
	// maxOutput is the size in bytes from which the file of an Output is put aside;
	// one such file is kept.
	maxOutput = 20 << 20
	// outputTick is how often its size is looked at.
	outputTick = 10 * time.Second
	outputMode = 0o600
	// aside is the end of the name of the file that was put aside.
	aside = ".old"
)

// Output is where the standard output and standard error of a daemon lead when
// its caller no longer waits for them: while a daemon holds a pipe of its caller,
// "ssh host sersync2 -d" does not return. Its methods are safe for concurrent
// use.
type Output struct {
	max int64 // maxOutput, less in tests

	mu   sync.Mutex
	path string
	fds  []int // that lead to path
}

// NewOutput leaves everything as it is.
func NewOutput() *Output { return &Output{max: maxOutput} }

// Held returns which of standard output (1) and standard error (2) lead to something that another
// process may read: a pipe, a terminal, a socket or a device. A regular file is not among them, for
// the caller has chosen it, nor is the journal.
func Held() (fds []int) {
	for fd := 1; fd <= 2; fd++ {
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT == unix.S_IFREG {
			continue
		}
		if os.Getenv("JOURNAL_STREAM") == journalStream(st) {
			continue
		}
		fds = append(fds, fd)
	}
	return fds
}

// journalStream is what systemd.exec(5) puts into JOURNAL_STREAM for a descriptor
// that leads to the journal.
func journalStream(st unix.Stat_t) string { return fmt.Sprintf("%d:%d", st.Dev, st.Ino) }

// LetGo redirects the descriptors to the end of the file at path, which is created if need be; an
// empty path stands for /dev/null. After an error they lead where they led before.
func (o *Output) LetGo(fds []int, path string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.path, o.fds = path, fds
	return o.openLocked()
}

func (o *Output) openLocked() error {
	var file *os.File
	var err error
	if o.path == "" {
		file, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	} else {
		file, err = safefile.OpenAppend(o.path, outputMode)
	}
	if err != nil {
		return fmt.Errorf("output: %w", err)
	}
	defer func() { _ = file.Close() }()
	for _, fd := range o.fds {
		if err := unix.Dup3(int(file.Fd()), fd, 0); err != nil {
			return fmt.Errorf("output to %s: %w", file.Name(), err)
		}
	}
	return nil
}

// Run keeps the file from growing without a bound until ctx ends. It returns nil.
func (o *Output) Run(ctx context.Context) error {
	tick := time.NewTicker(outputTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			// An error is not reported, since the log itself goes to this file; the next tick tries
			// again.
			_ = o.bound()
		}
	}
}

// bound puts a file aside that is too long and begins a new one.
func (o *Output) bound() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.path == "" {
		return nil
	}
	info, err := os.Lstat(o.path)
	if err == nil && info.Size() < o.max {
		return nil
	}
	if err == nil {
		err = safefile.Rename(o.path, o.path+aside)
	}
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	return o.openLocked()
}
