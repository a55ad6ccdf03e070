package executor

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"
)

// probeTime bounds one probe: with the longest wait of a lane's backoff it
// stays within the ten seconds in which a remote that answers again must be
// served.
const probeTime = 2 * time.Second

// enterTrouble backs the lane off: it goes on collecting and tries again later.
func (l *Lane) enterTrouble(o outcome, now time.Time) {
	f := failureOf(o)
	if o.result.Inactive {
		l.patienceShift.Add(1)
		l.dropMaster()
	}
	l.standby.crowded(o.result)
	l.standby.drop()
	l.mu.Lock()
	tr := &l.state.trouble
	first := tr.attempt == 0
	if first {
		tr.since = now
	}
	// Runs that were under way together fail of one cause: it counts once.
	news := first || tr.passing
	if news {
		tr.attempt++
	}
	tr.breaks++
	if !o.result.Broken {
		tr.breaks = 0
	}
	tr.passing = false
	if news {
		tr.probing = false
	}
	changed := tr.reason != f.reason
	tr.failure = f
	if news {
		tr.next = now.Add(laneWait(tr.attempt))
	}
	delay := tr.next.Sub(now)
	l.state.lastFail = now
	l.mu.Unlock()
	if first && l.opt.Trouble != nil {
		l.opt.Trouble(true)
	}
	if first || changed {
		l.log.Warn("remote in trouble, collecting changes", zap.String("reason", f.reason), zap.String("detail", f.detail), zap.String("remedy", f.remedy),
			zap.Duration("delay", delay), zap.Int("exit", o.result.Exit))
	}
}

// probe asks whether the remote answers at all, which costs one connection and
// no process; when it does, the next batch is let through.
func (l *Lane) probe(ctx context.Context) {
	l.mu.Lock()
	l.state.trouble.probing = true
	l.mu.Unlock()
	l.runs.Go(func() {
		err := l.greet(ctx)
		select {
		case l.requests <- request{probed: true, err: err}:
		case <-ctx.Done():
		}
	})
}

// greet connects and waits for the greeting: a frozen daemon's kernel still
// accepts connections.
func (l *Lane) greet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	address, ok := l.address(ctx)
	if !ok {
		return nil // only a run can tell
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing was written
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	_, err = bufio.NewReaderSize(conn, 256).ReadString('\n')
	if err != nil {
		return fmt.Errorf("%s accepts and says nothing: %w", address, err)
	}
	return nil // whatever answers: rsync will say what is wrong with it
}

// address is where the remote greets; false when a connection of ours would not
// take the way that the runs take.
func (l *Lane) address(ctx context.Context) (string, bool) {
	switch {
	case l.opt.Target.SSH && l.opt.Target.Params.RemoteShell, l.opt.Proxied:
		return "", false
	case l.opt.Target.SSH:
		return l.sshAddress(ctx)
	default:
		host, port := l.opt.Target.Address()
		return net.JoinHostPort(host, port), true
	}
}

// probed takes the answer of a probe.
func (l *Lane) probed(err error) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	tr := &l.state.trouble
	tr.probing = false
	if tr.attempt == 0 {
		return
	}
	if err != nil {
		tr.attempt++
		tr.next = now.Add(laneWait(tr.attempt))
		return
	}
	// Let one batch through; its success ends the trouble, its failure goes on
	// counting.
	tr.passing = true
}
