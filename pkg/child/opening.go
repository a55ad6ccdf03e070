package child

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// open(2) can wait for ever: for a writer, when a fifo has taken the name that
// was a file's when rsync listed it, or for the holder of a lease (fcntl(2),
// F_SETLEASE). Whoever may write into one directory could so stop a run with the
// files of everybody in it. Only a signal ends that wait. rsync has a handler for
// SIGCHLD, which looks for children that have ended and does nothing else: the
// open fails with EINTR, rsync complains of that one file, and goes on.

const (
	// openPatience is how long a child may wait in its first open.
	openPatience = time.Second
	// leastPatience is the lower bound to which the patience falls, by half with each open that is
	// interrupted: a thousand such names must not cost a thousand seconds.
	leastPatience = 4 * time.Millisecond
)

// opening tells from looks at a child when its open has to be interrupted. It
// does no I/O.
type opening struct {
	most     time.Duration // patience to begin with
	patience time.Duration // how long the present open may take
	call     string        // the open as seen at the last look; empty: none
	since    time.Time     // when it was first seen
}

func newOpening(most time.Duration) opening {
	if most <= 0 {
		most = openPatience
	}
	return opening{most: most, patience: most}
}

// interval is the wait before the next look.
func (o *opening) interval() time.Duration { return max(o.patience/4, time.Millisecond) }

// look takes the open that the child is in (see openCall; empty as well when the
// child has moved bytes since the last look) and tells whether it has been there
// for too long. Looks without an open let the patience grow again.
func (o *opening) look(call string, now time.Time) (interrupt bool) {
	if call == "" || call != o.call {
		o.call, o.since = call, now
		if call == "" {
			o.patience = min(o.patience+o.patience/16, o.most)
		}
		return false
	}
	if now.Sub(o.since) < o.patience {
		return false
	}
	o.call, o.patience = "", max(o.patience/2, leastPatience)
	return true
}

// openCall is the open that a process is in, with its arguments. Empty when it is
// in another call, or nothing can be learnt (proc(5): reading syscall needs the
// right to trace the process).
func openCall(pid int) string {
	call, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
	if err != nil || !opens(call) {
		return ""
	}
	return string(call)
}

// opens tells whether a line of /proc/PID/syscall is about one of the calls that
// open a file.
func opens(line []byte) bool {
	number, _, _ := bytes.Cut(line, []byte(" "))
	switch n, err := strconv.Atoi(string(number)); {
	case err != nil: // "running"
		return false
	default:
		return n == sysOpen || n == unix.SYS_OPENAT || n == unix.SYS_OPENAT2
	}
}
