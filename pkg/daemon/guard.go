package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/brake"
	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/status"
)

// judgeEvery bounds how old the brake's verdict may be when it is asked.
const judgeEvery = time.Second

// held is the disaster brake for the lanes.
func (r *root) held(path string, event bool) string {
	v := r.judge(time.Now(), false)
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
func (r *root) judge(now time.Time, fresh bool) brake.Verdict {
	r.mu.Lock()
	if !fresh && now.Sub(r.judged) < judgeEvery && now.After(r.judged) {
		defer r.mu.Unlock()
		return r.verdict
	}
	old, accepted := r.identity, r.accepted
	r.mu.Unlock()
	seen, err := brake.Take(r.dir)
	if err != nil {
		r.log.Warn("cannot look at the watch root's mounts, deletions are held", zap.Error(err))
		return brake.Verdict{Held: []brake.Hold{{Cause: brake.Unreadable, Reason: err.Error(), Remedy: "mount /proc"}}}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.accepted != accepted {
		return r.verdict // the operator was faster, and old is no more what counts
	}
	// Once this program watches, what empties a place it knows is seen as
	// events, and wished.
	watched := !r.unseen
	remember := brake.Follow(old, seen, watched)
	verdict := brake.Compare(old, seen)
	if watched {
		verdict = brake.Compare(remember, seen)
	}
	r.unseen = r.unseen && !verdict.OK()
	before := r.verdict.String()
	r.verdict, r.judged = verdict, now
	r.identity = remember
	// A new, empty root holds back what only its targets have, and nothing that
	// anybody waits for.
	shown := !verdict.OK() && !(old.IsZero() && verdict.Held[0].Cause == brake.Empty)
	if text := verdict.String(); text != before && shown {
		r.log.Warn("deletions are held", zap.String("reason", text))
	}
	if r.state == status.RootWatched || r.state == status.RootBraked {
		r.state, r.reason, r.remedy = status.RootWatched, "", ""
		if shown {
			r.state, r.reason, r.remedy = status.RootBraked, verdict.Held[0].Reason, verdict.Held[0].Remedy
		}
	}
	return verdict
}

// strange are the places that are others than those a watermark was written for:
// how old the files there are says nothing about whether a target has them.
func (r *root) strange() (places []string) {
	for _, h := range r.judge(time.Now(), false).Held {
		if h.Cause == brake.Changed || h.Cause == brake.Appeared {
			places = append(places, h.Path)
		}
	}
	return places
}

// hidden tells that a part of the tree cannot be seen, or that the brake keeps
// what only a target has: what happens there meanwhile is older than any
// watermark that is written now.
func (r *root) hidden() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state == status.RootGone || r.withheld.Load() || slices.ContainsFunc(r.verdict.Held, func(h brake.Hold) bool {
		return h.Cause != brake.Appeared // what that covers cannot change
	})
}

// rejudge looks again while something is held, and when a mount has changed:
// the operator is to see it before the first deletion asks. Once nothing is held
// any more, what the brake has kept is looked for again.
func (r *root) rejudge(ctx context.Context) {
	r.mu.Lock()
	gone := r.state == status.RootGone
	ok := r.verdict.OK() && !r.judged.IsZero() && !gone
	r.mu.Unlock()
	if !ok && !gone {
		ok = r.judge(time.Now(), true).OK()
	}
	if ok && r.withheld.CompareAndSwap(true, false) && r.compare(ctx) != nil {
		r.withheld.Store(true)
	}
}

// compare has every lane compare everything.
func (r *root) compare(ctx context.Context) (err error) {
	for _, l := range r.lanes {
		err = errors.Join(err, l.FullSync(ctx, executor.Full{}))
	}
	return err
}

// accept is the operator's word that what stands there now is right.
func (r *root) accept() error {
	seen, err := brake.Take(r.dir)
	if err != nil {
		return err
	}
	accepted := brake.Accept(seen)
	if accepted.IsZero() {
		return fmt.Errorf("%s: %s; bring it back first", r.dir, seen.Root.Problem)
	}
	r.mu.Lock()
	r.identity, r.verdict, r.judged = accepted, brake.Verdict{}, time.Now()
	r.accepted++
	r.mu.Unlock()
	r.judge(time.Now(), true)
	return nil
}

// remembered is what the brake remembers, for the state files.
func (r *root) remembered() brake.Identity {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.identity
}

func (r *root) recall(s failqueue.LaneState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.identity.IsZero() {
		r.identity = s.RootIdentity
	}
}
