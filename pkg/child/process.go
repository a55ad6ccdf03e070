package child

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
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
	// Answers asks the child's remote whether it still answers, within some seconds. While the
	// child moves no byte it is called now and then, and when it returns false several times in a
	// row the child is ended as by Inactivity; nil: the remote is not asked.
	Answers func() bool
	// Stuck tells of a child that has moved next to nothing for StuckAfter or longer whether it waits
	// for something that will not come. It is then ended as by Inactivity, also where it sends its
	// remote a few bytes from time to time to keep the connection. nil: nothing is known of that.
	Stuck      func(still time.Duration) bool
	StuckAfter time.Duration
	// OpenPatience is how long the child may wait for one file to open before that is interrupted,
	// so that it complains and goes on with the next one; it falls with each such file. 0: one
	// second. It has an effect only where Inactivity is set, and only on a program that
	// handles SIGCHLD.
	OpenPatience time.Duration
	// Stdin is the whole of standard input when it is known before the start; nil: Feed brings it.
	// The child reads it as a file in memory: whatever happens to this program, the child never
	// takes a part of its list for the whole.
	Stdin []byte
	// Enclosed says that the child starts processes of its own which would outlive it when it is
	// killed together with this program: it gets a pid namespace, and the kernel ends all in it
	// (pid_namespaces(7)). Where no namespace can be made the child runs without one.
	Enclosed bool
	// Gentle gives the child the lowest priority for the processor and for disks.
	Gentle bool
	// Line receives each line of standard output that is not empty, without its end,
	// which is a newline or a carriage return; nil discards them. It is called from
	// one goroutine.
	Line func([]byte)
	// Complaint gets each line of standard error, with its end, and tells whether to leave it out
	// of Ended.Stderr; nil: all lines are kept. It is called from one goroutine, and a line longer
	// than 16 KiB comes in pieces.
	Complaint func([]byte) (taken bool)
}

// Process is a running child. Wait is called by its owner, once, and before it
// Feed, if the command had no Stdin.
type Process struct {
	Argv []string

	group   *Group
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	stdout  *gathering
	stderr  io.ReadCloser
	command Command
	idle    time.Duration
	kill    context.CancelCauseFunc
	started time.Time
	fed     chan struct{}
	gone    chan struct{}  // closed when the child has ended
	readers sync.WaitGroup // of its output, and the writer of its list
	// errText is written by its reader and read after readers.Wait;
	// silence and opening by the watch, and read after it has ended.
	errText tail
	lines   int // like errText
	silence Silence
	opening opening
	answers answering
	ctx     context.Context //nolint:containedctx // the child's own, to tell who ended it
	stopped bool
}

// ErrInactive ends a child that moved no byte for too long.
var ErrInactive = errors.New("no progress")

// errDiscarded ends a child that has been given nothing to do.
var errDiscarded = errors.New("not needed any more")

// killWait is how long a child may take to end after SIGTERM.
const killWait = 3 * time.Second

// Start runs the command. The child is in a process group of its own, so that
// a terminal's Ctrl-C reaches this program alone, and it ends when ctx does.
func (l *Launcher) Start(ctx context.Context, c Command) (*Process, error) {
	p, err := l.launch(ctx, c)
	if err != nil && c.Enclosed && noNamespace(err) {
		c.Enclosed = false
		return l.launch(ctx, c)
	}
	return p, err
}

// noNamespace tells whether a start may have failed because the child was to get namespaces: a container may not make
// any, some hosts let nobody but root, and how many there can be is limited (clone(2)).
func noNamespace(err error) bool {
	return slices.ContainsFunc([]error{unix.EPERM, unix.EACCES, unix.ENOSPC, unix.EUSERS, unix.EINVAL, unix.ENOSYS}, func(e error) bool { return errors.Is(err, e) })
}

func (l *Launcher) launch(ctx context.Context, c Command) (*Process, error) {
	outer := ctx
	ctx, kill := context.WithCancelCause(outer)
	cmd := exec.CommandContext(ctx, c.Program, c.Args...) //nolint:gosec // an argument vector made by this package
	cmd.Dir = c.Dir
	cmd.Env = append(append([]string{}, l.env...), c.Env...)
	cmd.SysProcAttr = attributes(c.Enclosed)
	cmd.Cancel = func() error {
		if cause := context.Cause(ctx); errors.Is(cause, ErrInactive) || errors.Is(cause, errDiscarded) {
			// At SIGTERM it would first try to end the session with its peer in good order, which
			// takes 0.4 s and more.
			return unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		}
		return unix.Kill(-cmd.Process.Pid, unix.SIGTERM)
	}
	cmd.WaitDelay = killWait
	p := &Process{
		Argv: append([]string{c.Program}, c.Args...), cmd: cmd, command: c, idle: c.Inactivity, opening: newOpening(c.OpenPatience), answers: answering{ask: c.Answers},
		kill: kill, fed: make(chan struct{}), gone: make(chan struct{}), ctx: ctx,
	}
	if err := p.pipes(c.Stdin); err != nil {
		kill(nil)
		return nil, fmt.Errorf("start %s: %w", c.Program, err)
	}
	if file, ok := cmd.Stdin.(*os.File); ok && p.stdin == nil {
		defer file.Close() //nolint:errcheck // the child has its own
	}
	var err error
	if p.group, err = l.start(ctx, startRequest{cmd: cmd, confinedDir: c.ConfinedDir, done: make(chan error, 1)}); err != nil {
		kill(nil)
		return nil, fmt.Errorf("start %s in %s: %w", c.Program, c.Dir, err)
	}
	p.started = time.Now()
	if c.Gentle {
		makeGentle(cmd.Process.Pid)
	}
	p.read()
	if c.Stdin != nil && p.stdin != nil {
		p.Feed(c.Stdin) // no file in memory could be made
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
	p.stdout = newGathering(stdout.(*os.File), p.gone) //nolint:errcheck // os/exec makes it with os.Pipe
	p.stderr, err = p.cmd.StderrPipe()
	return err
}

func (p *Process) read() {
	p.readers.Go(func() {
		lines := bufio.NewScanner(p.stdout)
		lines.Buffer(make([]byte, 2*maxLine), 2*maxLine)
		lines.Split(endOfLine)
		for lines.Scan() {
			if len(lines.Bytes()) == 0 {
				continue
			}
			p.lines++
			if p.command.Line != nil {
				p.command.Line(lines.Bytes())
			}
		}
	})
	p.readers.Go(func() { readComplaints(p.stderr, &p.errText, p.command.Complaint) })
}

// Pid is the child's process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Started is when the child was started.
func (p *Process) Started() time.Time { return p.started }

// SetInactivity replaces the command's limit; before Feed.
func (p *Process) SetInactivity(d time.Duration) { p.idle = d }

// Feed hands over the list of names and closes standard input: from here on the child works. Feed
// does not wait until the child has read the list; Wait handles a child that does not read it. A
// child that has already ended is no error here: Wait reports it.
func (p *Process) Feed(list []byte) {
	close(p.fed)
	p.readers.Go(func() {
		_, _ = p.stdin.Write(list)
		_ = p.stdin.Close()
	})
}

// Kill ends the child; Wait still has to be called.
func (p *Process) Kill() { p.kill(context.Canceled) }

// Discard ends at once a child that has not got its list, and so has begun nothing that it would
// have to end in good order. Wait still has to be called.
func (p *Process) Discard() { p.kill(errDiscarded) }

// Stopped tells whether the child was ended by its context or by Kill; it is to be called after
// Wait.
func (p *Process) Stopped() bool { return p.stopped }

// Alive tells whether the child still runs, as far as is known.
func (p *Process) Alive() bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, p.Pid(), &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err == nil && info.Signo == 0
}

// Outdated tells whether the launcher has been renewed since the child was
// started.
func (p *Process) Outdated() bool {
	select {
	case <-p.group.thread.retired:
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
	Lines      int  // how many lines standard output had
	Silence    Silence
	Took       time.Duration
}

// Wait returns once the child and everything in its group have ended.
func (p *Process) Wait() Ended {
	defer p.group.Reaped()
	stop := make(chan struct{})
	var watch sync.WaitGroup
	if p.idle > 0 {
		watch.Go(func() { p.watch(stop) })
	}
	read := make(chan struct{})
	go func() { p.readers.Wait(); close(read) }()
	p.group.Ended()
	close(p.gone)
	// What the child itself has started (ssh) has nothing left to do. The child is not reaped yet,
	// so that its group is still its own.
	p.group.Kill(unix.SIGKILL)
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
	e := Ended{Exit: -1, Stderr: p.errText.String(), Truncated: p.errText.cut, Lines: p.lines, Took: time.Since(p.started)}
	if state := p.cmd.ProcessState; state != nil {
		e.Exit = state.ExitCode()
		if ws, ok := state.Sys().(syscall.WaitStatus); ok {
			e.WaitStatus = int(ws)
		}
	} else if err != nil {
		e.Stderr += err.Error()
	}
	if e.Silence = p.silence; e.Silence == Inactive && p.opening.call != "" {
		e.Silence = Opening
	}
	return e
}

// Silence tells whether a child was ended because it moved nothing for too long, and what it was
// waiting for.
type Silence uint8

// The silences of a child.
const (
	None     Silence = iota // it was not ended for that
	Inactive                // nothing is known of the cause
	Opening                 // a file of this host did not open
	Stuck                   // Command.Stuck was true of it
)

// outputWait is how long reading a child's output may take once the child has ended.
const outputWait = 5 * time.Second

// watch ends the child when it moves no byte for too long: a peer that accepts
// and then hangs would otherwise hold its lane for ever when no --timeout is
// given. An open in which the child hangs is interrupted long before.
func (p *Process) watch(stop <-chan struct{}) {
	select {
	case <-p.fed:
	case <-stop:
		return
	}
	last, since := uint64(0), time.Now()
	rest := stillness{since: since}
	for {
		timer := time.NewTimer(min(p.idle/4, p.opening.interval()))
		select {
		case <-stop:
			timer.Stop()
			return
		case now := <-timer.C:
			moved, err := bytesMoved(p.Pid())
			still := rest.look(moved, now)
			if c := p.command; c.Stuck != nil && still >= c.StuckAfter && c.Stuck(still) {
				p.silence = Stuck
				p.kill(ErrInactive)
				return
			}
			if err != nil || moved != last {
				last, since = moved, now
				p.opening.look("", now)
				continue
			}
			if p.opening.look(openCall(p.Pid()), now) {
				_ = unix.Kill(p.Pid(), unix.SIGCHLD)
			}
			if silent := now.Sub(since); silent >= p.idle || p.answers.frozen(silent, now) {
				p.silence = Inactive
				p.kill(ErrInactive)
				return
			}
		}
	}
}

// stillness measures for how long a child has moved next to nothing.
type stillness struct {
	moved uint64
	since time.Time
}

// With --timeout rsync writes and reads messages of 4 bytes, at most one each half second, so that
// neither side takes the other for dead. Whoever works moves more than that.
const (
	keepAlive = 32 // bytes per second, twice as many as those messages have
	fewBytes  = 256
)

// look takes what the child has moved since it began, in bytes, and returns for how long it has
// moved next to nothing.
func (s *stillness) look(moved uint64, now time.Time) time.Duration {
	still := now.Sub(s.since)
	if moved-s.moved > fewBytes+keepAlive*uint64(still/time.Second) {
		s.moved, s.since = moved, now
		return 0
	}
	return still
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
