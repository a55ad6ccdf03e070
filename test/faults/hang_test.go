package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestNamesThatFlip: somebody keeps changing files into fifos and back. rsync waits in open(2) for
// such a fifo; neither a full sync nor other users' files may wait with it.
func TestNamesThatFlip(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for i := range 300 {
		s.write(fmt.Sprintf("g%03d", i))
	}
	stop := s.flip("evil/a", "evil/b", "evil/c", "evil/d")
	s.mirror()
	for i := range 5 {
		name := fmt.Sprintf("good/%d", i)
		s.write(name)
		s.arrives(name)
	}
	stop()
	s.equal()
}

// flip changes names into fifos and into files by turns, until it is stopped; at the end they are
// files.
func (s *scene) flip(names ...string) (stop func()) {
	s.t.Helper()
	done := make(chan struct{})
	var flippers sync.WaitGroup
	for _, name := range names {
		path := filepath.Join(s.src, name)
		s.must(os.MkdirAll(filepath.Dir(path), 0o755))
		flippers.Go(func() {
			for i := 0; ; i++ {
				if err := flipOnce(path, i); err != nil {
					s.t.Error(err)
					return
				}
				select {
				case <-done:
					if i%2 == 1 {
						return
					}
				case <-time.After(flipEvery):
				}
			}
		})
	}
	stop = sync.OnceFunc(func() { close(done); flippers.Wait() })
	s.t.Cleanup(stop)
	return stop
}

// flipEvery is how long a name stays what it is: long enough for rsync to take it for the one and to
// open the other, and for the machine to do something else meanwhile.
const flipEvery = 5 * time.Millisecond

// flipOnce puts a fifo at path when i is even, and a file when it is odd.
func flipOnce(path string, i int) error {
	temporary := filepath.Join(filepath.Dir(path), ".new-"+filepath.Base(path))
	var err error
	if i%2 == 0 {
		err = syscall.Mkfifo(temporary, 0o644)
	} else {
		err = os.WriteFile(temporary, fmt.Appendf(nil, "%d", i), 0o644)
	}
	if err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
