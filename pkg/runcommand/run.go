package runcommand

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/child"
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

// ErrTimeout is for a command that ran too long.
var ErrTimeout = errors.New("command ran into its timeout and was killed")

// Runner runs commands, any number at a time. Its fields do not change once it is
// in use. Close ends its thread.
type Runner struct {
	Dir            string        // where commands run, absolute
	Timeout        time.Duration // of one run; then its process group is ended
	Stdout, Stderr io.Writer     // what commands print, the first 64 KiB of a stream; nil discards

	once     sync.Once
	launcher *child.Launcher
	stop     context.CancelFunc
	ended    chan struct{} // closed when the launcher has ended
}

// Slack is how long Run may take after Timeout.
const Slack = 2*killGrace + outputDelay

// Run runs the words of argv once to the end of the command. env is its whole environment
// (see Environment), stdin what it reads, nil for nothing. cut is how many bytes of its
// output were dropped. The error is an *exec.ExitError if the command ran and
// failed, ErrTimeout, the cause of ctx, or a *StartError.
func (r *Runner) Run(ctx context.Context, argv, env []string, stdin []byte) (cut int64, err error) {
	name := r.program(argv[0])
	cmd := r.command(name, argv[1:], env, stdin)
	group, err := r.start(ctx, cmd)
	if errors.Is(err, syscall.ENOEXEC) {
		// A script without "#!": a shell, and execvp(3), give it to sh.
		cmd = r.command("/bin/sh", append([]string{name}, argv[1:]...), env, stdin)
		group, err = r.start(ctx, cmd)
	}
	switch {
	case ctx.Err() != nil && err != nil:
		return 0, context.Cause(ctx)
	case err != nil:
		return 0, &StartError{err}
	}
	defer group.Reaped()
	cause := r.supervise(ctx, group)
	err = cmd.Wait()
	cut = dropped(cmd)
	if cause != nil {
		return cut, cause
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		// It ended well and left a child with our pipe behind.
		return cut, nil
	}
	return cut, err
}

// start starts a command; the first one starts the launcher.
func (r *Runner) start(ctx context.Context, cmd *exec.Cmd) (*child.Group, error) {
	r.once.Do(func() {
		var launched context.Context
		launched, r.stop = context.WithCancel(context.Background())
		r.launcher, r.ended = child.NewLauncher(nil, nil), make(chan struct{})
		go func() {
			defer close(r.ended)
			_ = r.launcher.Run(launched)
		}()
	})
	return r.launcher.StartCmd(ctx, cmd)
}

// Close ends the thread that starts commands. No command runs any more, and none
// may follow.
func (r *Runner) Close() {
	r.once.Do(func() {})
	if r.launcher != nil {
		r.stop()
		<-r.ended
	}
}

// program is the file to run for the first word: found in PATH when it has no
// slash, else relative to Dir.
func (r *Runner) program(name string) string {
	if strings.Contains(name, "/") && !filepath.IsAbs(name) {
		return filepath.Join(r.Dir, name)
	}
	return name
}

// StartError is for a command that never ran. It wraps the reason.
type StartError struct{ err error }

func (e *StartError) Error() string { return "start command: " + e.err.Error() }

// Unwrap is the reason.
func (e *StartError) Unwrap() error { return e.err }

func (r *Runner) command(name string, args, env []string, stdin []byte) *exec.Cmd {
	// supervise ends the command: a context of os/exec would reach one process only.
	cmd := exec.Command(name, args...) //nolint:gosec,noctx // the configured program
	cmd.Dir = r.Dir
	cmd.Env = env
	cmd.WaitDelay = outputDelay
	if stdin != nil {
		cmd.Stdin = bytes.NewReader(stdin)
	}
	if r.Stdout != nil {
		cmd.Stdout = &limited{to: r.Stdout}
	}
	if r.Stderr != nil {
		cmd.Stderr = &limited{to: r.Stderr}
	}
	return cmd
}

// supervise waits until the process has ended, without reaping it. When ctx or
// the timeout ends first, it ends the whole process group and says why.
// Children which a command that ended by itself left behind are left alone:
// 2.5.4 did so, and scripts start background work that way.
func (r *Runner) supervise(ctx context.Context, group *child.Group) error {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		group.Ended()
	}()
	timeout := time.NewTimer(r.Timeout)
	defer timeout.Stop()
	var cause error
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		cause = context.Cause(ctx)
	case <-timeout.C:
		cause = ErrTimeout
	}
	group.Kill(unix.SIGTERM)
	grace := time.NewTimer(killGrace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
	}
	group.Kill(unix.SIGKILL)
	<-ended
	return cause
}

// dropped is how many bytes of a command's output were not passed on.
func dropped(cmd *exec.Cmd) (cut int64) {
	for _, w := range []any{cmd.Stdout, cmd.Stderr} {
		if l, ok := w.(*limited); ok {
			cut += l.cut
		}
	}
	return cut
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

// Environment is what commands inherit of all: everything except what is meant for
// this process alone. RSYNC_PASSWORD is rsync's.
func Environment(all []string) []string {
	var env []string
	for _, entry := range all {
		name, _, _ := strings.Cut(entry, "=")
		switch name {
		case "RSYNC_PASSWORD", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES":
		default:
			env = append(env, entry)
		}
	}
	return env
}

// Describe names what Run returned for a log line; attribute is where the
// configuration names the program.
func Describe(err error, attribute string) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Sprintf("command ended with %s", strings.TrimSpace(exit.String()))
	}
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
		return err.Error() + "; install the program or correct " + attribute
	}
	return err.Error()
}
