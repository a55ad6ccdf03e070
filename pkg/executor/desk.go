package executor

import (
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/backoff"
	"github.com/sersync/sersync/pkg/executor/carry"
	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/executor/slots"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

// desk is the state that the parts of a lane's loop share: what is dirty and in the queues, and
// what has been learnt of single paths. It belongs to the loop, except for the board and the dirty
// set.
type desk struct {
	*board
	log   *zap.Logger
	terms transport.Terms // of opt.Transport
	// disk, planner and carrier keep no state of the lane: they look at paths, decide about them,
	// and bring them over.
	disk    *disk.Disk
	planner *plan.Planner
	carrier *carry.Carrier
	slots   *slots.Turnstile
	marks   atomic.Uint64
	learnt
	queues
	full     fullsync.State
	failures *failures
}

// queues hold works that were taken from the dirty set and wait for a slot, by kind.
type queues struct {
	queue  [plan.Kinds][]plan.Work
	limits [plan.Kinds]int
	busy   [plan.Kinds]int
	speed  speed
	turns  turns
}

// learnt is what a lane has found out about its remote and its paths. A lane that inherits gets it
// as a whole, so that a reload forgets nothing of it. Owned by the loop.
type learnt struct {
	recorder *status.Recorder
	causes   map[string]audit.Cause // of deletions no event asked for, until they are done
	reported bool                   // the fail log holds entries of this lane
	batch    int                    // how many paths the next batch may have
	// topSince has the lane check whether the target still has what it had at that time; zero: no
	// check is due.
	topSince  time.Time
	litter    litter
	leftovers leftovers
	recheck   recheck
	tight     map[string]bool // big files that have not fitted on the target
	guarded   guarded
	// unanswered counts, by path, the questions whose answer told nothing.
	unanswered    map[string]int
	culprits      map[string]bool // paths that break every run they are in
	excludedThere excludedThere
	strays        strays
	hangs         hangs
	outage        outage
	hours         *busyHours
}

// newDesk is the desk of a lane that knows nothing yet.
func newDesk(opt Options) *desk {
	now := time.Now()
	b := &board{opt: &opt, dirty: dirty.New(now, dirty.Limits{})}
	p := &desk{
		board: b, terms: opt.Transport.Terms(), log: opt.Logger.With(zap.String("lane", opt.ID)),
		learnt: learnt{
			recorder: status.NewRecorder(), batch: plan.MaxBatch, causes: map[string]audit.Cause{},
			culprits: map[string]bool{}, tight: map[string]bool{}, strays: strays{}, unanswered: map[string]int{}, hours: newHours(opt, opt.Transport.Terms()),
		},
	}
	p.disk = &disk.Disk{Open: opt.Root, Excluded: opt.Excluded, Terms: p.terms}
	p.slots = slots.NewTurnstile(opt.Slots)
	p.planner = &plan.Planner{Disk: p.disk, MayDelete: opt.MayDelete, Held: opt.Held}
	p.carrier = carry.NewCarrier(p.disk, carry.Tools{
		Way: opt.Transport, MayDelete: opt.MayDelete, Ledger: opt.Ledger, Scratch: opt.Scratch, Held: opt.Held, Names: opt.Names,
		MostExtras: opt.MostExtras, Log: p.log,
	})
	p.failures = newFailures(p)
	p.limits = [plan.Kinds]int{plan.KindSend: p.terms.Sends, plan.KindTree: 1, plan.KindSlow: 1, plan.KindDelete: 1, plan.KindSurvey: 1, plan.KindFull: 1}
	p.speed.most, p.speed.large = float64(p.terms.BWLimit), p.hours.above()
	p.state = state{caps: opt.Caps, peer: opt.Peer, shown: status.LaneStarting, since: now, failStatus: map[string]plan.Failure{}, shared: newShared(nil)}
	if opt.MayDelete {
		p.state.shared = newShared(opt.Moved)
		p.takeUpMoves(opt.Moved, now)
	}
	p.differs.restore(opt.Differences)
	if opt.MayDelete {
		p.state.mirror = newMirror(opt.Mirrored, opt.MirrorScope, opt.Scope, p.terms.Matcher)
	} else {
		p.differs.replace(status.Extras, nil, 0)
	}
	return p
}

// pathWait is how long a path waits after it has failed by itself attempt times, while so many
// paths of the lane are failing.
func pathWait(attempt, failing int) time.Duration {
	const many = 1000
	if failing > many {
		return lastingWait(attempt)
	}
	return backoff.Exponential{Min: time.Second, Max: 8 * time.Second}.Next(attempt)
}

// lastingWait is the wait for failures that more tries will not cure, to bound their cost: very
// many paths (a read-only directory, a quota), a name that is too long (a change of it has an
// event), or a tree that fails as a whole.
func lastingWait(attempt int) time.Duration {
	return backoff.Exponential{Min: time.Second, Max: time.Minute}.Next(attempt)
}
