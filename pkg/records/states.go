package records

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/sersync/sersync/pkg/lanestate"
)

// saveEvery is how far a state file may lag behind: what changed since is only
// compared again after a crash.
const saveEvery = 30 * time.Second

// savesAtOnce is how many state files are written at the same time: syncs that
// run together cost a file system little more than one.
const savesAtOnce = 8

// Store is where the lanes' states are kept: a *lanestate.Store.
type Store interface {
	Save(state lanestate.State) error
	Load(lane string) (lanestate.State, error)
	Later(suffix string, than time.Time) (lanes []string)
}

// States saves what the lanes remember; no lane waits for the disk.
type States struct {
	*Writer
	store Store
	log   *zap.Logger

	mu    sync.Mutex
	lanes map[string]Remember // by the lane's id
	asked map[string]bool     // lanes that want to be saved
}

// Remember is what a lane would have to know if it began at now.
type Remember func(now time.Time) lanestate.State

// NewStates makes the writer of the states; tell is that of NewWriter.
func NewStates(store Store, d *Disk, tell func(error), log *zap.Logger) *States {
	s := &States{store: store, log: log, lanes: map[string]Remember{}, asked: map[string]bool{}}
	s.Writer = NewWriter(d, s.save, tell)
	return s
}

// Add makes a lane's state one of those that are saved.
func (s *States) Add(lane string, r Remember) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lanes[lane] = r
}

// Ask has a lane's state saved soon. It never blocks.
func (s *States) Ask(lane string) {
	s.mu.Lock()
	s.asked[lane] = true
	s.mu.Unlock()
	s.Soon()
}

// AskAll is Ask for every lane.
func (s *States) AskAll() {
	s.mu.Lock()
	for lane := range s.lanes {
		s.asked[lane] = true
	}
	s.mu.Unlock()
	s.Soon()
}

// Run saves what is asked for, and everything from time to time, until ctx ends.
func (s *States) Run(ctx context.Context) error {
	var ticking sync.WaitGroup
	defer ticking.Wait()
	ticking.Go(func() {
		tick := time.NewTicker(saveEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.AskAll()
			case <-ctx.Done():
				return
			}
		}
	})
	return s.Writer.Run(ctx)
}

// Finish saves every lane a last time, for as long as ctx allows.
func (s *States) Finish(ctx context.Context) {
	s.AskAll()
	s.Writer.Finish(ctx)
}

// save writes the state files of the lanes that have asked.
func (s *States) save() error {
	s.mu.Lock()
	due := map[string]Remember{}
	for lane := range s.asked {
		due[lane] = s.lanes[lane]
	}
	clear(s.asked)
	s.mu.Unlock()
	var group errgroup.Group
	group.SetLimit(savesAtOnce)
	for lane, state := range due {
		group.Go(func() error {
			err := s.store.Save(state(time.Now()))
			if err != nil {
				s.again(lane)
			}
			return err
		})
	}
	return group.Wait()
}

// again has the next write save a lane that could not be saved.
func (s *States) again(lane string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[lane] = true
}

// Load reads a lane's state. A damaged or foreign file is reported; what of it
// is safe to use comes back all the same.
func (s *States) Load(lane string) lanestate.State {
	state, err := s.store.Load(lane)
	var unusable *lanestate.Error
	switch {
	case errors.As(err, &unusable):
		s.log.Warn("state file not used, everything is compared", zap.String("lane", lane), zap.Error(err))
	case err != nil:
		s.log.Warn("state not read, everything is compared", zap.String("lane", lane), zap.Error(err))
	}
	return state
}

// Later are the lanes to the same destination whose state was saved later, see
// lanestate.Store.
func (s *States) Later(suffix string, than time.Time) []string { return s.store.Later(suffix, than) }

// NoStore is a Store that keeps nothing.
type NoStore struct{}

// Save implements Store.
func (NoStore) Save(lanestate.State) error { return nil }

// Load implements Store.
func (NoStore) Load(lane string) (lanestate.State, error) { return lanestate.State{Lane: lane}, nil }

// Later implements Store.
func (NoStore) Later(string, time.Time) []string { return nil }
