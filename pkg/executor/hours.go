package executor

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/sersync/sersync/pkg/busyhours"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

// busyHours knows when full syncs and large files of a lane wait or go slowly, and what waits for
// that reason now. It belongs to the loop; what waits may be read from any goroutine.
type busyHours struct {
	schedule busyhours.Schedule // as it is configured
	// whole: a file that has begun is sent to its end, because a receiver that writes in place
	// would otherwise have half a file until the hours are over.
	whole bool
	// now are the hours that hold from since until just before until, which is zero where no hours
	// are configured.
	now          busyhours.Schedule
	since, until time.Time
	// lifted: somebody has asked for a full sync, so that no file waits until this time.
	lifted time.Time

	mu    sync.Mutex
	full  status.Wait          // the full sync that waits, until NextTry
	files map[string]time.Time // large files that wait, and until when
}

// maxHeld bounds the large files that are shown as waiting for the end of busy hours. Further ones
// wait as well.
const maxHeld = 10_000

func newHours(opt Options, terms transport.Terms) *busyHours {
	return &busyHours{
		schedule: opt.Busy, whole: terms.Inplace, files: map[string]time.Time{},
		full: status.Wait{Tree: true, Reason: fullWaits, LaneID: opt.ID, Root: opt.Dir},
	}
}

// above is the size above which a file is large; 0: none is.
func (h *busyHours) above() int64 { return max(h.schedule.Smallest()-1, 0) }

// turn applies the hours of the present time. A run that may not go on as it does is ended and
// begins anew; what it has brought over stays on the remote.
func (h *busyHours) turn(now time.Time, full *fullsync.State, t *turns) {
	if len(h.schedule) == 0 || !now.Before(h.since) && now.Before(h.until) {
		return
	}
	h.since, h.now, h.until = now, h.schedule.At(now), h.schedule.Change(now)
	if h.until.IsZero() {
		h.until = now.AddDate(0, 0, 1) // the same hours hold all week
	}
	if now.Before(h.lifted) && h.lifted.Before(h.until) {
		h.until = h.lifted
	}
	if h.whole {
		return
	}
	if full.Running && h.ofFull(full.Want) != full.Rule {
		full.Stop()
	}
	for _, run := range t.running {
		if h.ofFile(run.size) != run.rule {
			run.stop()
		}
	}
}

// ofFull is the rule that holds now for a full sync. A comparison sends no contents, and a person
// who has asked for a full sync does not wait.
func (h *busyHours) ofFull(f *fullsync.Request) busyhours.Rule {
	switch {
	case f.Verify || f.Asker == fullsync.Person:
		return busyhours.Rule{}
	case len(f.Excludes) > 0: // it sends its large files itself
		return h.now.Full().Stricter(h.now.File(math.MaxInt64))
	}
	return h.now.Full()
}

// ofFile is the rule that holds now for a file of that size.
func (h *busyHours) ofFile(size int64) busyhours.Rule {
	if h.since.Before(h.lifted) {
		return busyhours.Rule{}
	}
	return h.now.File(size)
}

// lift lets large files go until the hours that hold now are over.
func (h *busyHours) lift(now time.Time, d *dirty.Set) {
	if len(h.schedule) == 0 {
		return
	}
	h.lifted = h.schedule.End(now, func(s busyhours.Schedule) bool { return len(s) > 0 })
	if h.lifted.IsZero() {
		h.lifted = now.AddDate(0, 0, 1) // some hours hold at any time
	}
	h.until = time.Time{} // look again
	d.RetryNow()
}

// begin returns the rule for the full sync that may begin: the first, or a later one that need not
// wait. If none may begin, next says when one may.
func (h *busyHours) begin(f *fullsync.State, now time.Time) (rule busyhours.Rule, next time.Time) {
	free := func(f *fullsync.Request) bool { return !h.ofFull(f).Wait }
	if !free(f.Want) && !f.Overtake(free) {
		next = h.schedule.End(now, func(s busyhours.Schedule) bool {
			then := busyHours{now: s}
			return then.ofFull(f.Want).Wait
		})
	}
	if next.IsZero() {
		rule = h.ofFull(f.Want)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !f.Want.Verify {
		h.full.Since, h.full.NextTry = f.Since(), next
	}
	return rule, next
}

// hold gives the large files that wait now back to the dirty set, and returns the rest
// of a queue.
func (h *busyHours) hold(queue []plan.Work, d *dirty.Set, now time.Time) []plan.Work {
	if len(h.schedule) == 0 {
		return queue
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	ends := map[int64]time.Time{}
	return slices.DeleteFunc(queue, func(w plan.Work) bool {
		size := w.Found.Stat.Size
		if !h.ofFile(size).Wait {
			delete(h.files, w.Path)
			return false
		}
		end, known := ends[size]
		if !known {
			end = h.schedule.End(now, func(s busyhours.Schedule) bool { return s.File(size).Wait })
			ends[size] = end
		}
		it := w.Item
		it.Attempt = 0 // it waits for the clock: a new event is looked at at once
		d.Return(it, end)
		if len(h.files) < maxHeld {
			h.files[w.Path] = end
		}
		return true
	})
}

// What waits for the end of busy hours, and for which reason.
const (
	fullWaits = "busy hours: the full sync waits until they are over"
	filesWait = "busy hours: large files wait until they are over"
	bothWait  = "busy hours: the full sync and large files wait until they are over"
)

// waits tells why something of the lane waits at now, and until when; empty: nothing waits. dirty
// tells whether a path is still dirty.
func (h *busyHours) waits(now time.Time, dirty func(path string) bool) (why string, until time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if now.Before(h.full.NextTry) {
		why, until = fullWaits, h.full.NextTry
	}
	for path, end := range h.files {
		if !now.Before(end) || !dirty(path) {
			delete(h.files, path)
			continue
		}
		switch why {
		case fullWaits:
			why = bothWait
		case "":
			why = filesWait
		}
		if until.IsZero() || end.Before(until) {
			until = end
		}
		break
	}
	return why, until
}

// fullSync describes the full sync that waits at now, if there is one.
func (h *busyHours) fullSync(now time.Time) (w status.Wait, waits bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.full, now.Before(h.full.NextTry)
}

// explain adds to a waiting change that it waits for the end of busy hours, if it does.
func (h *busyHours) explain(w *status.Wait) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, held := h.files[w.Path]; held && w.Attempt == 0 && !w.NextTry.IsZero() {
		w.Reason = filesWait
	}
}
