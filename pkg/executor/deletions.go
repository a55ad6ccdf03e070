package executor

import "time"

// deletions paces the runs that delete. Whoever removes a tree names its
// entries one by one and the directory last: a run in between does work that
// the last name would have done at once. So a row of deletions gathers until
// there is silence, or until a bound that grows with the row. A single deletion
// goes as soon as its second look is due. It belongs to the lane's goroutine.
type deletions struct {
	last time.Time     // the latest first look at something that is gone
	gate time.Time     // no run waits longer than this, however many come in
	hold time.Duration // for how long the gate is shut
	open bool          // in the batch being sorted
	used bool          // by that batch
}

const (
	// gateFirst is how long a row may gather before its first run, gateGrowth
	// how much longer before each one after it, and gateMost before any.
	gateFirst  = 200 * time.Millisecond
	gateGrowth = 4
	gateMost   = time.Second
)

// seen notes that a path was found absent for the first time.
func (d *deletions) seen(now time.Time) {
	if now.Sub(d.last) > gateMost {
		d.hold = gateFirst
		d.gate = now.Add(d.hold)
	}
	d.last = now
}

// silent is when a row counts as ended if nothing else is found absent.
func (d *deletions) silent() time.Time { return d.last.Add(max(secondLook, d.hold/8)) }

// next is when a run may delete.
func (d *deletions) next() time.Time {
	if silent := d.silent(); silent.Before(d.gate) {
		return silent
	}
	return d.gate
}

// begin decides for a batch whether its deletions go now.
func (d *deletions) begin(now time.Time) { d.open, d.used = !now.Before(d.next()), false }

// end shuts the gate again behind a batch with deletions. What silence has let
// through was no part of a row that goes on.
func (d *deletions) end(now time.Time) {
	if !d.used {
		return
	}
	if now.Before(d.silent()) {
		d.hold = min(gateGrowth*d.hold, gateMost)
	}
	d.gate = now.Add(d.hold)
}
