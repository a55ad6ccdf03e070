package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

const (
	// killGrace is how long a command may take to end after SIGTERM.
	killGrace = 2 * time.Second
	// outputDelay is how long output is still read after the command has
	// ended; a child that it left behind may hold the pipe open for ever.
	outputDelay = 500 * time.Millisecond
	// maxOutput is how much of a run's output is passed on, per stream.
	maxOutput = 64 << 10 // bytes
)

// errTimeout is for a command that ran too long.
var errTimeout = errors.New("command ran into its timeout and was killed")

// run runs the command once to its end. The error is an *exec.ExitError if
// the command ran and failed, errTimeout, the context's error, or the reason
// why it could not be started.
func (p *runner) run(ctx context.Context, args, env []string, stdin []byte) error {
	name := p.program()
	cmd := p.command(name, args, env, stdin)
	err := p.launcher.start(cmd)
	if errors.Is(err, syscall.ENOEXEC) {
		// A script without "#!": a shell, and execvp(3), give it to sh.
		cmd = p.command("/bin/sh", append([]string{name}, args...), env, stdin)
		err = p.launcher.start(cmd)
	}
	if err != nil {
		return &startError{err}
	}
	cause := p.supervise(ctx, cmd.Process.Pid)
	err = cmd.Wait()
	p.noteOutput(cmd)
	if cause != nil {
		return cause
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		// It ended well and left a child with our pipe behind.
		return nil
	}
	return err
}

// startError is for a command that never ran.
type startError struct{ err error }

func (e *startError) Error() string { return "start command: " + e.err.Error() }
func (e *startError) Unwrap() error { return e.err }

func (p *runner) command(name string, args, env []string, stdin []byte) *exec.Cmd {
	// supervise ends it: a context of os/exec would reach one process only.
	cmd := exec.Command(name, args...) //nolint:gosec,noctx // the configured program
	cmd.Dir = p.dir
	cmd.Env = env
	cmd.WaitDelay = outputDelay
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if stdin != nil {
		cmd.Stdin = bytes.NewReader(stdin)
	}
	if p.stdout != nil {
		cmd.Stdout = &limited{to: p.stdout}
	}
	if p.stderr != nil {
		cmd.Stderr = &limited{to: p.stderr}
	}
	return cmd
}

// supervise waits until the process has ended, without reaping it. When ctx or
// the timeout ends first, it ends the whole process group and says why.
// Children which a command that ended by itself left behind are left alone:
// 2.5.4 did so, and scripts start background work that way.
func (p *runner) supervise(ctx context.Context, pid int) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		waitExit(pid)
	}()
	timeout := time.NewTimer(p.timeout)
	defer timeout.Stop()
	var cause error
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		cause = context.Cause(ctx)
	case <-timeout.C:
		cause = errTimeout
	}
	_ = unix.Kill(-pid, unix.SIGTERM)
	grace := time.NewTimer(killGrace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
	}
	// The group's number cannot have been reused: its leader is not reaped.
	_ = unix.Kill(-pid, unix.SIGKILL)
	<-ended
	return cause
}

// waitExit returns when the child has ended, and leaves it to be reaped.
func waitExit(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// noteOutput says so when a command's output was cut.
func (p *runner) noteOutput(cmd *exec.Cmd) {
	var cut int64
	for _, w := range []any{cmd.Stdout, cmd.Stderr} {
		if l, ok := w.(*limited); ok {
			cut += l.cut
		}
	}
	if cut > 0 && p.notes.allow(time.Now()) {
		p.log.Warn("plugin command printed too much, the rest was dropped", zap.Int64("bytes", cut))
	}
}

// limited passes the first maxOutput bytes on. Owned by os/exec's copying
// goroutine until Wait returns.
type limited struct {
	to   io.Writer
	sent int
	cut  int64 // bytes dropped
}

// Write never fails, so that the command is not stopped by our own output.
func (l *limited) Write(b []byte) (int, error) {
	n := min(len(b), maxOutput-l.sent)
	if n > 0 {
		_, _ = l.to.Write(b[:n])
		l.sent += n
	}
	l.cut += int64(len(b) - n)
	return len(b), nil
}

// locked serialises the output of commands that run at a time.
type locked struct {
	mu *sync.Mutex
	to io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(b)
}

func lock(mu *sync.Mutex, w io.Writer) io.Writer {
	if w == nil {
		return nil
	}
	return &locked{mu: mu, to: w}
}

// describe names a failed run for a log line.
func describe(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Sprintf("command ended with %s", strings.TrimSpace(exit.String()))
	}
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
		return err.Error() + "; install the program or correct param@prefix"
	}
	return err.Error()
}
