package rsync

import (
	"bytes"
	"context"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sersync/sersync/pkg/child"
)

// Process is a running rsync.
type Process struct {
	*child.Process
	unwanted unwanted // written by the reader of its complaints
	// unsent: it has complained of a file that it could not send. several: of one that has, or may
	// have had, several names.
	unsent, several atomic.Bool
}

// oneName is how many times as long as Command.StuckAfter a run is waited for that could not send
// files, all of which have one name now. It can only be stuck if one of them had several when it was
// listed. But such a run may be silent for long, while its receiver reads large files for instance.
const oneName = 30

// Start starts an rsync, or the ssh that rsync would start. The command's Complaint is set here, and
// where it has a StuckAfter its Stuck, too: with -H a receiver that has other versions of a file with
// several names waits for ever when the sender cannot open the file, because it is gone or may not be
// read (seen with 3.1.2 and 3.5.0; --timeout ends neither side, for both send keep-alives).
func Start(ctx context.Context, l *child.Launcher, c child.Command) (*Process, error) {
	p := &Process{}
	c.Complaint = p.complaint
	if c.StuckAfter > 0 {
		c.Stuck = func(still time.Duration) bool { return p.stuck(still, c.StuckAfter) }
	}
	var err error
	p.Process, err = l.Start(ctx, c)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// stuck tells of a run that has moved next to nothing for so long whether it waits in vain.
func (p *Process) stuck(still, after time.Duration) bool {
	return p.several.Load() && still >= after || p.unsent.Load() && still >= oneName*after
}

// complaint takes a line of standard error, and tells whether to leave it out of what is kept.
func (p *Process) complaint(line []byte) bool {
	switch {
	case bytes.HasPrefix(line, []byte(vanished)):
		p.several.Store(true)
	case bytes.HasPrefix(line, []byte("rsync: ")) && bytes.Contains(line, []byte(notOpened)):
		p.unsent.Store(true)
		if !hasOneName(string(trimEnd(line))) {
			p.several.Store(true)
		}
	}
	return p.unwanted.take(line)
}

// hasOneName tells whether the file that a complaint is about is here and has no other name.
func hasOneName(line string) bool {
	said, ok := takeApart(line)
	if !ok {
		return false
	}
	info, err := os.Lstat(unescape(said.name))
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 1
}

// Ended is what is known about an rsync that has ended.
type Ended struct {
	child.Ended
	// Unwanted are the first names that the remote's own configuration excludes,
	// and Unnamed is how many there are beyond them.
	Unwanted []string
	Unnamed  int
}

// Wait is child.Process.Wait, with the names that the remote did not want.
func (p *Process) Wait() Ended {
	e := p.Process.Wait()
	return Ended{Ended: e, Unwanted: p.unwanted.names, Unnamed: p.unwanted.more}
}
