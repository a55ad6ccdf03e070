// Package child starts processes that do not outlive this program: each from a
// thread that lives as long as they do, in a process group of its own, with an
// environment of its own, and watched for silence.
//
// It knows nothing of what the programs do. The one exception is an open that hangs
// (see Command.OpenPatience), which rsync survives.
package child

import (
	"context"
	"os/exec"
	"runtime"
	"sync"
)

// Launcher starts children from one thread that lives as long as they do: the
// kernel sends a child its parent-death signal when the *thread* that started
// it ends (prctl(2), PR_SET_PDEATHSIG), and Go ends threads at will.
type Launcher struct {
	env     []string
	prepare func() error
	moved   chan struct{} // capacity 1: says that current has changed

	mu      sync.Mutex
	current *thread // guarded by mu
}

// thread starts children until it is retired.
type thread struct {
	starts   chan startRequest // unbuffered; received by the thread itself
	retired  chan struct{}     // closed by Renew
	begun    bool              // owned by Run
	children sync.WaitGroup    // started and not yet waited for
}

// startRequest asks a thread to start a child.
type startRequest struct {
	cmd         *exec.Cmd
	confinedDir string
	done        chan error // capacity 1
}

// NewLauncher returns a launcher whose children get env and nothing else.
// prepare is called first on each thread it uses and may change that thread
// for all its children, for instance confine it; nil: nothing. After an error
// children are started all the same, without Command.ConfinedDir.
func NewLauncher(env []string, prepare func() error) *Launcher {
	return &Launcher{env: env, prepare: prepare, moved: make(chan struct{}, 1), current: newThread()}
}

func newThread() *thread {
	return &thread{starts: make(chan startRequest), retired: make(chan struct{})}
}

// Renew moves to a new thread, which is prepared anew; the old one ends with its last child.
// Whatever is started after Renew has returned is started from the new one: a child that sees the
// old mounts would report as done what it could not see.
func (l *Launcher) Renew() {
	l.mu.Lock()
	close(l.current.retired)
	l.current = newThread()
	l.mu.Unlock()
	select {
	case l.moved <- struct{}{}:
	default:
	}
}

func (l *Launcher) thread() *thread {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current
}

// Run serves Start until ctx ends and all children have been waited for. It
// must be running whenever Start is called.
func (l *Launcher) Run(ctx context.Context) error {
	var threads sync.WaitGroup
	defer threads.Wait()
	for ctx.Err() == nil {
		if t := l.thread(); !t.begun {
			t.begun = true
			threads.Go(func() { t.run(ctx, l.prepare) })
		}
		select {
		case <-l.moved:
		case <-ctx.Done():
		}
	}
	return nil
}

// run starts children from one thread until it is retired or ctx ends, and
// keeps the thread until the last of them has ended.
func (t *thread) run(ctx context.Context, prepare func() error) {
	// Never unlocked: a thread whose goroutine returns locked is ended, and
	// with it whatever prepare has done to it.
	runtime.LockOSThread()
	defer t.children.Wait()
	confined := prepare != nil && prepare() == nil
	for {
		select {
		case r := <-t.starts:
			if confined && r.confinedDir != "" {
				r.cmd.Dir = r.confinedDir
			}
			err := r.cmd.Start()
			if err == nil {
				t.children.Add(1)
			}
			r.done <- err
		case <-t.retired:
			return
		case <-ctx.Done():
			return
		}
	}
}

// start has the current thread start a child.
func (l *Launcher) start(ctx context.Context, r startRequest) (*Group, error) {
	for {
		t := l.thread()
		select {
		case t.starts <- r:
			if err := <-r.done; err != nil {
				return nil, err
			}
			return &Group{pid: r.cmd.Process.Pid, thread: t}, nil
		case <-t.retired: // ask the thread that has replaced it
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
