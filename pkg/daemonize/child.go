package daemonize

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNoParent is returned by Ready when the parent has gone: it was killed while it waited, so
// nobody knows that a daemon is about to run.
var ErrNoParent = errors.New("the starting process is gone; start the daemon again")

// saneUmask replaces an inherited umask of 0, under which everything that the
// program and its plugins create would be writable for all (2.5.4's daemon
// sets 0 itself).
const saneUmask = 0o022

// Child is the daemon's half. Its methods may be called by one goroutine at a
// time; a nil *Child is a process in the foreground, whose Ready and Fail do
// nothing.
type Child struct {
	pipe *os.File // nil once the report is given
}

// Attach makes this process a daemon when Start has executed it, and returns
// nil when it runs in the foreground. It must come before anything that starts
// a process or registers for SIGHUP.
//
// In the daemon SIGINT is ignored, so callers must not register for it; SIGHUP
// is ignored until somebody does.
func Attach() (*Child, error) {
	value, ok := os.LookupEnv(marker)
	if !ok {
		return nil, nil
	}
	if err := os.Unsetenv(marker); err != nil {
		return nil, fmt.Errorf("take %s out of the environment: %w", marker, err)
	}
	pipe, name, err := parseMarker(value)
	if err != nil {
		return nil, fmt.Errorf("environment variable %s=%q: %w; unset it", marker, value, err)
	}
	c := &Child{pipe: pipe}
	// The executed path was /proc/self/exe, and "exe" is what killall and
	// pgrep would see. Cosmetic, so an error does not stop the daemon.
	_ = os.WriteFile("/proc/self/comm", []byte(name), 0)
	if old := unix.Umask(saneUmask); old != 0 {
		unix.Umask(old)
	}
	signal.Ignore(unix.SIGINT, unix.SIGHUP)
	// A reader of our standard output that goes away must not end the
	// daemon, and children must start with the default action: so SIGPIPE is
	// caught, not ignored. Nobody reads the channel; what does not fit is
	// dropped.
	signal.Notify(make(chan os.Signal, 1), unix.SIGPIPE)
	return c, nil
}

func parseMarker(value string) (*os.File, string, error) {
	number, name, ok := strings.Cut(value, " ")
	fd, err := strconv.Atoi(number)
	if err != nil || !ok || fd != reportFD {
		return nil, "", errors.New("not set by this program")
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return nil, "", errors.New("no pipe to report to")
	}
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "report pipe"), name, nil
}

// Ready tells the parent that the daemon works, and with that ends the
// parent's wait. A pid file has to be written before it.
func (c *Child) Ready() error {
	if c == nil {
		return nil
	}
	if err := c.report([]byte{reportReady}); err != nil {
		if errors.Is(err, unix.EPIPE) {
			return ErrNoParent
		}
		return fmt.Errorf("report to the starting process: %w", err)
	}
	return nil
}

// Fail hands text to the parent, which prints it and exits with the status
// with which this process exits; so exit soon, and not with 0. It reports
// whether the parent took the text: if not (in the foreground, after Ready, or
// with the parent gone) the caller has to print it.
func (c *Child) Fail(text string) bool {
	if c == nil || c.pipe == nil {
		return false
	}
	report := append([]byte{reportFailed}, text...)
	return c.report(report[:min(len(report), maxReport)]) == nil
}

// Detached reports whether this process is a daemon made by Start.
func (c *Child) Detached() bool { return c != nil }

func (c *Child) report(message []byte) error {
	if c.pipe == nil {
		return errors.New("already reported")
	}
	_, err := c.pipe.Write(message)
	err = errors.Join(err, c.pipe.Close())
	c.pipe = nil
	return err
}
