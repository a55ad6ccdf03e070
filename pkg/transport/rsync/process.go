package rsync

import (
	"context"

	"github.com/sersync/sersync/pkg/child"
)

// Process is a running rsync.
type Process struct {
	*child.Process
	unwanted unwanted // written by the reader of its complaints
}

// Start starts an rsync, or the ssh that rsync would start. The command's Complaint
// is set here.
func Start(ctx context.Context, l *child.Launcher, c child.Command) (*Process, error) {
	p := &Process{}
	c.Complaint = p.unwanted.take
	var err error
	p.Process, err = l.Start(ctx, c)
	if err != nil {
		return nil, err
	}
	return p, nil
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
