package records

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/lanestate"
)

// slowStore is a store whose disk is slow, or fails.
type slowStore struct {
	NoStore
	takes time.Duration
	hangs chan struct{} // unless it is nil, Save waits until it is closed

	mu    sync.Mutex
	err   error
	saved map[string]int // how many saves there were, by lane
}

// Save implements Store.
func (s *slowStore) Save(state lanestate.State) error {
	if s.hangs != nil {
		<-s.hangs
	}
	time.Sleep(s.takes) // on the fake clock
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.saved == nil {
		s.saved = map[string]int{}
	}
	s.saved[state.Lane]++
	return s.err
}

func (s *slowStore) total() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, lane := range s.saved {
		n += lane
	}
	return n
}

func (s *slowStore) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// outcomes notes the result of the last write.
type outcomes struct {
	mu  sync.Mutex
	err error
}

func (o *outcomes) tell(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

func (o *outcomes) last() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// keeping keeps the states of this many lanes until the test ends.
func keeping(t *testing.T, store Store, lanes int) (*States, *outcomes) {
	t.Helper()
	n := &outcomes{}
	k := NewStates(store, NewDisk(), n.tell, zap.NewNop())
	for i := range lanes {
		k.Add(laneName(i), func(time.Time) lanestate.State { return lanestate.State{Lane: laneName(i)} })
	}
	ctx, end := context.WithCancel(t.Context())
	var runs sync.WaitGroup
	runs.Go(func() { _ = k.Run(ctx) })
	t.Cleanup(func() { end(); runs.Wait() })
	return k, n
}

func laneName(i int) string { return fmt.Sprint("lane ", i) }

// TestSavesOfOneMomentGoTogether: fifty lanes begin, and each has two things to remember. Each lane
// writes two files at most, and none writes those of another lane.
func TestSavesOfOneMomentGoTogether(t *testing.T) {
	const lanes = 50
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{takes: 10 * time.Millisecond}
		k, _ := keeping(t, store, lanes)
		for range 2 {
			for i := range lanes {
				k.Ask(laneName(i))
				time.Sleep(time.Millisecond) // no two lanes begin at the same time
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := store.total(); n < lanes || n > 2*lanes {
			t.Errorf("%d files were written for %d lanes", n, lanes)
		}
		k.Ask(laneName(7))
		before := store.total()
		time.Sleep(time.Second)
		synctest.Wait()
		if n := store.total() - before; n != 1 {
			t.Errorf("%d files were written for one lane", n)
		}
	})
}

// TestNobodyWaitsForADiskThatHangs: lanes ask for a save and go on, the trouble is shown once, and
// a stop takes a bounded time. Once the disk answers the trouble is over.
func TestNobodyWaitsForADiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{hangs: make(chan struct{})}
		k, n := keeping(t, store, 2)
		k.Ask(laneName(0))
		time.Sleep(2 * slowDisk)
		synctest.Wait()
		for range 100 {
			k.Ask(laneName(1)) // a call that waited would end the test as a deadlock
		}
		if err := n.last(); !errors.Is(err, ErrSlow) {
			t.Errorf("told: %v", err)
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), LastWrites)
		defer cancel()
		k.Finish(ctx)
		if took := time.Since(began); took != LastWrites {
			t.Errorf("the last write waited for %v", took)
		}
		close(store.hangs)
		time.Sleep(saveEvery)
		synctest.Wait()
		if store.saved[laneName(1)] == 0 || n.last() != nil {
			t.Errorf("afterwards: %v saved, told: %v", store.saved, n.last())
		}
	})
}

// TestADiskThatIsFull: the state of the lane is saved once there is room.
func TestADiskThatIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowStore{err: fmt.Errorf("write: %w", unix.ENOSPC)}
		k, n := keeping(t, store, 1)
		k.Ask(laneName(0))
		synctest.Wait()
		if err := n.last(); !errors.Is(err, unix.ENOSPC) {
			t.Errorf("told: %v", err)
		}
		store.fail(nil)
		time.Sleep(saveEvery)
		synctest.Wait()
		if err := n.last(); err != nil {
			t.Errorf("told once there is room: %v", err)
		}
	})
}
