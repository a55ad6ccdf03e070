package executor

import (
	"sync"
	"time"

	"github.com/sersync/sersync/pkg/executor/health"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

// board is what other goroutines may read of a lane. Its loop writes it.
type board struct {
	opt   *Options
	dirty *dirty.Set
	// differs belongs to the loop; the status reads what differs has published.
	differs known

	mu    sync.Mutex // guards state
	state state
}

// state is what others may see of a lane.
type state struct {
	caps     transport.Capabilities
	mirror   mirror
	peer     bool // the remote mirrors back
	complete bool // everything except what is dirty now is on the remote
	since    time.Time
	shown    status.LaneState
	health   health.State
	why      plan.Failure // of the remote's trouble
	paused   bool
	degraded note
	progress *status.Progress
	holding
	owed       owed
	lastOK     time.Time
	lastFail   time.Time
	unwanted   int // paths that the remote's own configuration excludes
	release    transport.Release
	failStatus map[string]plan.Failure
	wanted     wantedFull
	shared     shared
}

// wantedFull is what others see of a full sync that has been asked for and is not done.
type wantedFull struct {
	since time.Time // zero: none is wanted
	// why it keeps failing, and next when it is tried again; the zero failure: it does not fail.
	why  plan.Failure
	next time.Time
}

// holding says that scans which have not marked everything yet hold the watermark.
type holding struct {
	holds     int       // how many scans
	holdSince time.Time // the watermark while holds > 0
}

type note struct{ reason, remedy string }

// blocked tells that no ordinary run may start now.
func (b *board) blocked() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state.paused || b.state.health.Blocked() || b.opt.Gone()
}

// health is the state of the remote, and the reason when it is in trouble.
func (b *board) health() (health.State, plan.Failure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state.health, b.state.why
}

// healthAfter changes the remote's health by an event.
func (b *board) healthAfter(e health.Event, now time.Time) health.State {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.health = b.state.health.After(e, now)
	return b.state.health
}

// down tells whether the remote is in trouble.
func (b *board) down() bool {
	h, _ := b.health()
	return h.Down()
}
