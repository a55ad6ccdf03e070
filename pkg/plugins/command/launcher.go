package command

import (
	"os/exec"
	"runtime"
	"sync"
)

// launcher starts children from one thread that lives until close: the signal
// that a child gets when its parent dies (prctl(2), PR_SET_PDEATHSIG) is sent
// when the starting thread ends, and Go ends threads as it likes.
type launcher struct {
	once sync.Once
	jobs chan func()
	done chan struct{}
}

// start starts cmd on the thread.
func (l *launcher) start(cmd *exec.Cmd) error {
	l.once.Do(func() {
		l.jobs, l.done = make(chan func()), make(chan struct{})
		go l.loop()
	})
	result := make(chan error, 1)
	l.jobs <- func() { result <- cmd.Start() }
	return <-result
}

func (l *launcher) loop() {
	defer close(l.done)
	// Not unlocked: the thread ends with the goroutine.
	runtime.LockOSThread()
	for job := range l.jobs {
		job()
	}
}

// close ends the thread. No start may follow or be under way.
func (l *launcher) close() {
	l.once.Do(func() {})
	if l.jobs == nil {
		return
	}
	close(l.jobs)
	<-l.done
}
