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

// board is what others may see of a lane, and what its loop writes there.
type board struct {
	opt   *Options
	dirty *dirty.Set
	// differs belongs to the loop; status reads what it has told.
	differs known

	mu    sync.Mutex // guards state
	state state
}

// state is what others may see of a lane.
type state struct {
	caps     transport.Capabilities
	mirror   mirror
	peer     bool // the remote mirrors back
	complete bool // everything before the marks now pending is on the remote
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

// wantedFull is what others see of a full sync that is wanted and not done.
type wantedFull struct {
	since time.Time // zero: none is wanted
	// why it fails again and again, and when it is tried next; the zero failure: it
	// does not.
	why  plan.Failure
	next time.Time
}

// holding is what scans hold back that have not marked everything yet.
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

// health is how the remote stands, and why, where it is in trouble.
func (b *board) health() (health.State, plan.Failure) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state.health, b.state.why
}

// healthAfter takes an event into the remote's health.
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
