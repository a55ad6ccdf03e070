package executor

import (
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/logging"
	"github.com/sersync/sersync/pkg/transport"
)

// maxFailing bounds the failing paths that are kept with their commands, and maxOutage those that
// are listed because the remote does not serve.
const (
	maxFailing = 5000
	maxOutage  = 1000
)

// outage is the last period in which the remote did not serve, until everything that waited for it
// has arrived.
type outage struct {
	until time.Time // zero: nothing that waited is left
	why   plan.Failure
	full  bool // a full sync has waited, too
}

// failures keeps why paths and runs fail, for the log, the fail log and the status. It belongs to
// the loop; why may be called from any goroutine.
type failures struct {
	*desk
	remote, paths, fulls troubleLog
}

// troubleLog logs one kind of trouble, with repetitions thinned out.
type troubleLog struct {
	log  *logging.Repeat
	kind string
}

// Failed and Recovered are as in logging.Repeat.
func (t troubleLog) Failed(cause, message string, fields ...zap.Field) {
	t.log.Failed(t.kind, cause, message, fields...)
}
func (t troubleLog) Recovered(message string) { t.log.Recovered(t.kind, message) }

func newFailures(d *desk) *failures {
	log := d.opt.Troubles
	if log == nil {
		log = logging.NewRepeat(d.log)
	}
	log = log.On(d.log)
	return &failures{d, troubleLog{log, "remote of " + d.opt.ID}, troubleLog{log, "paths of " + d.opt.ID}, troubleLog{log, "full syncs of " + d.opt.ID}}
}

// report gives the fail log the paths that failed, were tried again, and failed again, and those
// that wait because the remote does not serve.
func (fl *failures) report(now time.Time) {
	if s := fl.dirty.Stats(); s.Delayed == 0 {
		fl.mu.Lock()
		clear(fl.state.failStatus) // also for paths that needed no run in the end
		fl.mu.Unlock()
		if s.InFlight == 0 {
			fl.paths.Recovered("no path fails any more")
		}
	}
	if fl.opt.FailLog == nil {
		return
	}
	var entries []failqueue.Entry
	listed := map[string]bool{}
	for _, it := range fl.keptBack(now) {
		listed[it.Path] = true
		entries = append(entries, fl.entry(it, fl.why(it.Path, fl.outage.why)))
	}
	for _, it := range fl.dirty.Failing(maxFailing) {
		if it.Attempt >= 2 && !listed[it.Path] {
			entries = append(entries, fl.entry(it, fl.why(it.Path, plan.Failure{})))
		}
	}
	if len(entries) == 0 && !fl.reported {
		return
	}
	fl.reported = len(entries) > 0
	fl.opt.FailLog(entries)
}

// keptBack are the paths that the last outage has kept from being sent. The watch root itself
// stands for a full sync.
func (fl *failures) keptBack(now time.Time) (items []plan.Item) {
	if h, why := fl.health(); h.Down() {
		fl.outage = outage{now, why, !fl.full.Since().IsZero()}
	}
	if fl.outage.until.IsZero() {
		return nil
	}
	if fl.outage.full && !fl.full.Since().IsZero() {
		items = append(items, plan.Item{})
	}
	for _, it := range fl.dirty.Oldest(maxOutage) {
		if it.Since.After(fl.outage.until) {
			break
		}
		items = append(items, it)
	}
	if len(items) == 0 {
		fl.outage = outage{}
	}
	return items
}

// why returns why a path fails, or otherwise where that is not known.
func (fl *failures) why(path string, otherwise plan.Failure) plan.Failure {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	if f, known := fl.state.failStatus[path]; known {
		return f
	}
	return otherwise
}

// remember keeps why a path fails, and tells whether that is new. The number of attempts does not
// show it, for it also counts batches that failed as a whole and so said nothing about the path.
func (fl *failures) remember(it plan.Item, f plan.Failure) (first bool) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	before, known := fl.state.failStatus[it.Path]
	first = it.Attempt == 1 || known && !before.Named
	if !known && len(fl.state.failStatus) >= maxFailing {
		return first
	}
	f.Named = true
	fl.state.failStatus[it.Path] = f
	return first || !known
}

// entry renders one failing path for the fail log: a command a person can run.
func (fl *failures) entry(it plan.Item, f plan.Failure) failqueue.Entry {
	fl.mu.Lock()
	caps := fl.state.caps
	fl.mu.Unlock()
	run := fl.carrier.Base(transport.Send, caps)
	if run.MayDelete && it.Path != "" && it.Flags&dirty.Gone != 0 {
		run.Kind = transport.Delete
	}
	return failqueue.Entry{
		Remote: fl.terms.Remote, WaitStatus: f.Wait, Dir: fl.opt.Dir,
		Argv: fl.opt.Transport.ByHand(run, it.Path),
	}
}
