package executor

import "time"

// deletions paces the runs that delete. A program that removes a tree removes its entries one by
// one and the directory last: a run in between does work that the deletion of the directory would
// have done at once. So deletions that follow each other are gathered until no more come in, or
// until a bound that grows with their number. A single deletion goes as soon as its second look is
// due. It belongs to the lane's goroutine.
type deletions struct {
	last time.Time     // the latest first look at something that is gone
	gate time.Time     // no run waits longer than until this time, however many deletions come in
	hold time.Duration // how long the gate stays shut
	open bool          // the gate is open for the batch that is being sorted
	used bool          // that batch has deletions
}

const (
	// gateFirst is how long deletions are gathered before the first run, gateGrowth the factor by
	// which that grows for each further run, and gateMost the longest time.
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

// silent is when the row of deletions counts as ended if no other path is found absent.
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

// end shuts the gate again after a batch with deletions. If silence has let the batch through, the
// row has ended, and the gate need not be shut.
func (d *deletions) end(now time.Time) {
	if !d.used {
		return
	}
	if now.Before(d.silent()) {
		d.hold = min(gateGrowth*d.hold, gateMost)
	}
	d.gate = now.Add(d.hold)
}
