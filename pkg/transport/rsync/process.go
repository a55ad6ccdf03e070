package rsync

import (
	"bytes"
	"context"
	"sync/atomic"

	"github.com/sersync/sersync/pkg/child"
)

// Process is a running rsync.
type Process struct {
	*child.Process
	unwanted unwanted    // written by the reader of its complaints
	unsent   atomic.Bool // whether it has complained of a file that it could not send
}

// Start starts an rsync, or the ssh that rsync would start. The command's Complaint is set here, and
// where it has a StuckAfter its Stuck, too: with -H a receiver that has other versions of a file with
// several names waits for ever when the sender cannot open the file, because it is gone or may not be
// read (seen with 3.1.2 and 3.5.0; --timeout ends neither side, for both send keep-alives).
func Start(ctx context.Context, l *child.Launcher, c child.Command) (*Process, error) {
	p := &Process{}
	c.Complaint = p.complaint
	if c.StuckAfter > 0 {
		c.Stuck = p.unsent.Load
	}
	var err error
	p.Process, err = l.Start(ctx, c)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// complaint takes a line of standard error, and tells whether to leave it out of what is kept.
func (p *Process) complaint(line []byte) bool {
	if bytes.HasPrefix(line, []byte(vanished)) || bytes.HasPrefix(line, []byte("rsync: ")) && bytes.Contains(line, []byte("send_files failed to open ")) {
		p.unsent.Store(true)
	}
	return p.unwanted.take(line)
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
