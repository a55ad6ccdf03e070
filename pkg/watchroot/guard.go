package watchroot

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/brake"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/status"
)

// guard knows what is at the watch path: which directory is watched, whether
// it is there, and by the brake whether it and its mounts are the ones that
// deletions are allowed for. Safe for concurrent use.
type guard struct {
	dir string
	// recreatable says that a directory which was made anew counts as the one before.
	recreatable bool
	log         *zap.Logger
	// withheld says that the brake has kept entries that only a target has.
	withheld atomic.Bool

	mu        sync.Mutex // guards the rest
	state     status.RootState
	since     time.Time
	reason    string
	remedy    string
	dev, ino  uint64         // of the watched directory
	identity  brake.Identity // remembered; what deletions are allowed for
	verdict   brake.Verdict
	judged    time.Time
	recreated bool // another directory is there than the remembered one, as the configuration allows
	accepted  int  // how often the operator has accepted what is there
	// unseen says that there was no watch, or that events were lost, and that nothing has shown
	// since that the root and its mounts are still the same.
	unseen bool
}

func newGuard(dir string, recreatable bool, log *zap.Logger) *guard {
	return &guard{dir: dir, recreatable: recreatable, log: log, state: status.RootStarting, since: time.Now(), unseen: true}
}

// judgeEvery bounds how old the brake's verdict may be when it is asked.
const judgeEvery = time.Second

// held tells a lane why the brake holds the deletion of a path; "" when it does not.
func (g *guard) held(path string, event bool) string {
	v := g.judge(time.Now(), false)
	holds := v.Holds(path)
	if event {
		holds = v.HoldsEvent(path)
	}
	if !holds {
		return ""
	}
	return v.String()
}

// judge compares the root and its mounts with what is remembered.
func (g *guard) judge(now time.Time, fresh bool) brake.Verdict {
	g.mu.Lock()
	if !fresh && now.Sub(g.judged) < judgeEvery && now.After(g.judged) {
		defer g.mu.Unlock()
		return g.verdict
	}
	old, accepted := g.identity, g.accepted
	g.mu.Unlock()
	seen, err := brake.Take(g.dir)
	if err != nil {
		g.log.Warn("cannot look at the watch root's mounts, deletions are held", zap.Error(err))
		return brake.Verdict{Held: []brake.Hold{{Cause: brake.Unreadable, Reason: err.Error(), Remedy: "mount /proc"}}}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.accepted != accepted {
		return g.verdict // the operator was faster, and old is no more what counts
	}
	if g.recreatable {
		var again bool
		old, again = brake.Recreated(old, seen)
		g.recreated = g.recreated || again
	}
	// Once this program watches, what empties a place it knows is seen as
	// events, and wished.
	watched := !g.unseen
	remember := brake.Follow(old, seen, watched)
	verdict := brake.Compare(old, seen)
	if watched {
		verdict = brake.Compare(remember, seen)
	}
	g.unseen = g.unseen && !verdict.OK()
	before := g.verdict.String()
	g.verdict, g.judged = verdict, now
	g.identity = remember
	// A new, empty root holds back what only its targets have, and nothing that
	// anybody waits for.
	shown := !verdict.OK() && !(old.IsZero() && verdict.Held[0].Cause == brake.Empty)
	if text := verdict.String(); text != before && shown {
		g.log.Warn("deletions are held", zap.String("reason", text))
	}
	if g.state == status.RootWatched || g.state == status.RootBraked {
		g.state, g.reason, g.remedy = status.RootWatched, "", ""
		if shown {
			g.state, g.reason, g.remedy = status.RootBraked, verdict.Held[0].Reason, verdict.Held[0].Remedy
		}
	}
	return verdict
}

// strange are the places that are others than those a watermark was written for:
// how old the files there are says nothing about whether a target has them.
func (g *guard) strange() (places []string) {
	held := g.judge(time.Now(), false).Held
	g.mu.Lock()
	if g.recreated {
		places = append(places, "")
	}
	g.mu.Unlock()
	for _, h := range held {
		if h.Cause == brake.Changed || h.Cause == brake.Appeared {
			places = append(places, h.Path)
		}
	}
	return places
}

// hidden tells whether a part of the tree cannot be seen, or the brake keeps entries that only a
// target has: what happens there meanwhile is older than any watermark that is written now.
func (g *guard) hidden() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state == status.RootGone || g.withheld.Load() || slices.ContainsFunc(g.verdict.Held, func(h brake.Hold) bool {
		return h.Cause != brake.Appeared // what that covers cannot change
	})
}

// free tells whether nothing is held. While something is held, and when a mount has changed, it
// judges again, so that the operator sees a hold before the first deletion meets it.
func (g *guard) free() bool {
	g.mu.Lock()
	gone := g.state == status.RootGone
	ok := g.verdict.OK() && !g.judged.IsZero() && !gone
	g.mu.Unlock()
	if !ok && !gone {
		ok = g.judge(time.Now(), true).OK()
	}
	return ok
}

// accept carries out --accept-empty: what is at the watch path now is right.
func (g *guard) accept() error {
	seen, err := brake.Take(g.dir)
	if err != nil {
		return err
	}
	accepted := brake.Accept(seen)
	if accepted.IsZero() {
		return fmt.Errorf("%s: %s; bring it back first", g.dir, seen.Root.Problem)
	}
	g.mu.Lock()
	g.identity, g.verdict, g.judged = accepted, brake.Verdict{}, time.Now()
	g.accepted++
	g.mu.Unlock()
	g.judge(time.Now(), true)
	return nil
}

// remembered is what the brake remembers, for the state files.
func (g *guard) remembered() brake.Identity {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.identity
}

// recall takes over the identity that a lane of the root has remembered over a restart.
func (g *guard) recall(identity brake.Identity) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.identity.IsZero() {
		g.identity = identity
	}
}

// withhold notes that the brake has kept entries that only a target has.
func (g *guard) withhold() { g.withheld.Store(true) }

// gone tells whether the directory is not there.
func (g *guard) gone() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state == status.RootGone
}

// open opens the watched directory; nil while it is gone or another stands at its
// path.
func (g *guard) open() *fstree.Root {
	opened, err := fstree.Open(g.dir)
	if err != nil {
		return nil
	}
	dev, ino := opened.Identity()
	g.mu.Lock()
	same := g.state != status.RootGone && (g.ino == 0 || dev == g.dev && ino == g.ino)
	g.mu.Unlock()
	if !same {
		opened.Close()
		return nil
	}
	return opened
}

// descriptor is open for callers that need a descriptor; fd is -1 where open gives nil.
func (g *guard) descriptor() (fd int, done func()) {
	opened := g.open()
	if opened == nil {
		return -1, func() {}
	}
	return opened.FD(), opened.Close
}

// openBelow opens a directory of the root for listing, following no link.
func (g *guard) openBelow(path string) (int, error) {
	opened := g.open()
	if opened == nil {
		return -1, unix.ENOENT
	}
	defer opened.Close()
	fd, err := opened.OpenDir(path)
	if err != nil {
		return -1, err
	}
	defer func() { _ = unix.Close(fd) }()
	return fstree.OpenIn(fd, ".")
}

// identify remembers which directory is watched.
func (g *guard) identify() {
	var st unix.Stat_t
	if unix.Stat(g.dir, &st) != nil {
		return
	}
	g.mu.Lock()
	g.dev, g.ino = st.Dev, st.Ino
	g.mu.Unlock()
}

// set says what became of the directory.
func (g *guard) set(s status.RootState, reason, remedy string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state != s {
		g.state, g.since = s, time.Now()
	}
	g.reason, g.remedy = reason, remedy
}

// miss notes that changes may have gone unseen.
func (g *guard) miss() {
	g.mu.Lock()
	g.unseen = true
	g.mu.Unlock()
}

// doubt has the mounts judged again: a file system that has appeared was not watched while it was
// elsewhere.
func (g *guard) doubt() {
	g.mu.Lock()
	g.judged, g.unseen = time.Time{}, true
	g.mu.Unlock()
}

// snapshot is the state as an operator sees it.
func (g *guard) snapshot() status.Root {
	g.mu.Lock()
	defer g.mu.Unlock()
	return status.Root{State: g.state, Reason: g.reason, Remedy: g.remedy, Since: g.since}
}

// adopt takes over what the guard of the same directory knew in the reading of the
// configuration before. It tells whether that one had begun to watch.
func (g *guard) adopt(old *guard) (begun bool) {
	old.mu.Lock()
	defer old.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state, g.since, g.reason, g.remedy = old.state, old.since, old.reason, old.remedy
	g.dev, g.ino, g.identity, g.verdict = old.dev, old.ino, old.identity, old.verdict
	g.unseen = old.unseen
	g.withheld.Store(old.withheld.Load())
	return old.state != status.RootStarting
}
