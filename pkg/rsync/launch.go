package rsync

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Command is one child to be started.
type Command struct {
	Program string
	Args    []string
	Dir     string
	// ConfinedDir replaces Dir where the thread is confined (see NewLauncher);
	// empty: Dir holds in both cases.
	ConfinedDir string
	Env         []string // in addition to the launcher's
	// Inactivity ends the child when for this long no byte was read or
	// written by it, once it has its list; 0 waits for ever.
	Inactivity time.Duration
	// Stdin is the whole of standard input when it is known before the start;
	// nil: Feed brings it. It stands in memory that the child reads as a file:
	// whatever happens to this program, the child never takes a part of its
	// list for all of it.
	Stdin []byte
	// Enclosed says that the child starts processes of its own which would
	// outlive it when it is killed together with this program: it gets a pid
	// namespace, and the kernel ends all in it (pid_namespaces(7)). Where none
	// is to be had it runs without.
	Enclosed bool
	// Line receives each line of standard output, without its newline; nil
	// discards them. It is called from one goroutine.
	Line func([]byte)
}

// Process is a running child. Wait is called by its owner, once, and before it
// Feed, if the command had no Stdin.
type Process struct {
	Argv []string

	cmd     *exec.Cmd
	stdin   io.WriteCloser
	stdout  *gathering
	stderr  io.ReadCloser
	line    func([]byte)
	idle    time.Duration
	kill    context.CancelCauseFunc
	started time.Time
	fed     chan struct{}
	gone    chan struct{}  // closed when the child has ended
	readers sync.WaitGroup // of its output, and the writer of its list
	// errText is written by its reader and read after readers.Wait;
	// inactive by the watch, and read after it has ended.
	errText  tail
	inactive bool
	thread   *thread         // that has started it and has to outlive it
	ctx      context.Context //nolint:containedctx // the child's own, to tell who ended it
	stopped  bool
}

// ErrInactive ends a child that moved no byte for too long.
var ErrInactive = errors.New("no progress")

// killWait is how long a child may take to end after SIGTERM.
const killWait = 3 * time.Second

// Start runs the command. The child is in a process group of its own, so that
// a terminal's Ctrl-C reaches this program alone, and it ends when ctx does.
func (l *Launcher) Start(ctx context.Context, c Command) (*Process, error) {
	outer := ctx
	ctx, kill := context.WithCancelCause(outer)
	cmd := exec.CommandContext(ctx, c.Program, c.Args...) //nolint:gosec // an argument vector made by this package
	cmd.Dir = c.Dir
	cmd.Env = append(append([]string{}, l.env...), c.Env...)
	cmd.SysProcAttr = attributes(c.Enclosed)
	cmd.Cancel = func() error {
		if errors.Is(context.Cause(ctx), ErrInactive) {
			// It would try to take leave of a peer that does not answer.
			return unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		}
		return unix.Kill(-cmd.Process.Pid, unix.SIGTERM)
	}
	cmd.WaitDelay = killWait
	p := &Process{
		Argv: append([]string{c.Program}, c.Args...), cmd: cmd, line: c.Line, idle: c.Inactivity,
		kill: kill, fed: make(chan struct{}), gone: make(chan struct{}), ctx: ctx,
	}
	if err := p.pipes(c.Stdin); err != nil {
		kill(nil)
		return nil, fmt.Errorf("start %s: %w", c.Program, err)
	}
	if file, ok := cmd.Stdin.(*os.File); ok && p.stdin == nil {
		defer file.Close()
	}
	var err error
	if p.thread, err = l.start(ctx, startRequest{cmd: cmd, confinedDir: c.ConfinedDir, done: make(chan error, 1)}); err != nil {
		kill(nil)
		return nil, fmt.Errorf("start %s in %s: %w", c.Program, c.Dir, err)
	}
	p.started = time.Now()
	p.read()
	if c.Stdin != nil && p.stdin != nil {
		p.Feed(c.Stdin) // no file in memory to be had
	}
	return p, nil
}

func (p *Process) pipes(input []byte) (err error) {
	if file := inMemory(input); file != nil {
		p.cmd.Stdin = file
		close(p.fed)
	} else if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	p.stdout = newGathering(stdout.(*os.File), p.gone) //nolint:forcetypeassert // os/exec makes it with os.Pipe
	p.stderr, err = p.cmd.StderrPipe()
	return err
}

func (p *Process) read() {
	p.readers.Go(func() {
		r := bufio.NewReaderSize(p.stdout, 64<<10)
		for {
			text, err := r.ReadSlice('\n')
			if p.line != nil && len(text) > 1 {
				p.line(text[:len(text)-1])
			}
			if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
				return
			}
		}
	})
	p.readers.Go(func() { _, _ = io.Copy(&p.errText, p.stderr) })
}

// Pid is the child's process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Started is when the child was started.
func (p *Process) Started() time.Time { return p.started }

// SetInactivity replaces the command's limit; before Feed.
func (p *Process) SetInactivity(d time.Duration) { p.idle = d }

// Feed hands over the list of names and closes standard input: from here on
// the child works. It does not wait until the child has taken it: Wait sees to
// one that does not. A child that is already gone is no error here, Wait tells.
func (p *Process) Feed(list []byte) {
	close(p.fed)
	p.readers.Go(func() {
		_, _ = p.stdin.Write(list)
		_ = p.stdin.Close()
	})
}

// Kill ends the child; Wait still has to be called.
func (p *Process) Kill() { p.kill(context.Canceled) }

// Stopped tells whether the child was ended by its context or by Kill; it is
// meant for after Wait.
func (p *Process) Stopped() bool { return p.stopped }

// Alive tells whether the child has not ended yet, as far as is known.
func (p *Process) Alive() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, p.Pid(), &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo == 0
}

// Outdated tells whether the launcher has been renewed since the child was
// started.
func (p *Process) Outdated() bool {
	select {
	case <-p.thread.retired:
		return true
	default:
		return false
	}
}

// Ended is what is known about a child that has ended.
type Ended struct {
	Exit       int // exit status; -1 when a signal ended it
	WaitStatus int // the raw wait status, as 2.5.4 writes it into the fail log
	Stderr     string
	Truncated  bool // standard error was longer than is kept
	Inactive   bool // ended by the inactivity limit
	Took       time.Duration
}

// Wait returns once the child and everything in its group have ended.
func (p *Process) Wait() Ended {
	defer p.thread.children.Done()
	stop := make(chan struct{})
	var watch sync.WaitGroup
	if p.idle > 0 {
		watch.Go(func() { p.watch(stop) })
	}
	read := make(chan struct{})
	go func() { p.readers.Wait(); close(read) }()
	p.ended()
	close(p.gone)
	// What the child itself started (ssh) has no business left. The child is
	// not reaped yet, so that its group is still its own.
	_ = unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL)
	select {
	case <-read:
	case <-time.After(outputWait):
		// Something left the group and holds the other end.
		if p.stdin != nil {
			_ = p.stdin.Close()
		}
		_ = p.stdout.Close()
		_ = p.stderr.Close()
		<-read
	}
	err := p.cmd.Wait()
	close(stop)
	watch.Wait()
	p.stopped = p.ctx.Err() != nil
	p.kill(nil)
	e := Ended{Exit: -1, Stderr: p.errText.String(), Truncated: p.errText.cut, Took: time.Since(p.started)}
	if state := p.cmd.ProcessState; state != nil {
		e.Exit = state.ExitCode()
		if ws, ok := state.Sys().(syscall.WaitStatus); ok {
			e.WaitStatus = int(ws)
		}
	} else if err != nil {
		e.Stderr += err.Error()
	}
	e.Inactive = p.inactive
	return e
}

// outputWait is how long what a child has written may take to be read once it
// has ended.
const outputWait = 5 * time.Second

// ended blocks until the child has ended, and leaves it to be reaped.
func (p *Process) ended() {
	for {
		err := unix.Waitid(unix.P_PID, p.Pid(), nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

// watch ends the child when it moves no byte for too long: a peer that accepts
// and then hangs would otherwise hold its lane for ever when no --timeout is
// given.
func (p *Process) watch(stop <-chan struct{}) {
	select {
	case <-p.fed:
	case <-stop:
		return
	}
	tick := time.NewTicker(p.idle / 4)
	defer tick.Stop()
	last, since := uint64(0), time.Now()
	for {
		select {
		case <-stop:
			return
		case now := <-tick.C:
			moved, err := bytesMoved(p.Pid())
			if err != nil || moved != last {
				last, since = moved, now
				continue
			}
			if now.Sub(since) >= p.idle {
				p.inactive = true
				p.kill(ErrInactive)
				return
			}
		}
	}
}

// bytesMoved adds up what the process has read and written (proc(5), io).
func bytesMoved(pid int) (uint64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0, err
	}
	var r, w uint64
	_, err = fmt.Sscanf(string(data), "rchar: %d\nwchar: %d", &r, &w)
	return r + w, err
}

// tail keeps the beginning of what rsync complains about; the rest is counted
// as unread, which makes the run a failure of unknown extent.
type tail struct {
	buf []byte
	cut bool
}

// maxStderr bounds what a run may make this program remember: some thousand
// complaints.
const maxStderr = 1 << 20

func (t *tail) Write(b []byte) (int, error) {
	if room := maxStderr - len(t.buf); room < len(b) {
		t.cut = true
		t.buf = append(t.buf, b[:max(room, 0)]...)
		return len(b), nil
	}
	t.buf = append(t.buf, b...)
	return len(b), nil
}

func (t *tail) String() string { return string(t.buf) }
