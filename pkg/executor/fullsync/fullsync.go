package fullsync

import (
	"context"
	"slices"
	"time"

	"github.com/sersync/sersync/pkg/busyhours"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

// Request describes a full sync: first everything is sent and nothing deleted; then the target is
// asked what only it has, each of these entries is looked up here again, and those that are really
// gone become dirty. rsync's own --delete would, in a long run, also remove what was sent by other
// runs meanwhile.
type Request struct {
	// Mirror says that the user asked for it (-r, crontab, --resync). It may delete, and after it
	// has completed automatic full syncs may, too.
	Mirror bool
	// Unknown says that nothing is known of the target any more: until the full
	// sync has completed there is no watermark.
	Unknown bool
	// Replaced says that the tree has taken the place of another one, which the target has: equal
	// size and time do not show that a file is the same, and older files have to arrive, too.
	Replaced bool
	// Asker is who has asked for it.
	Asker Asker
	// Verify compares only and changes nothing.
	Verify bool
	Manner
	// Excludes are rsync patterns of crontabfilter.
	Excludes []string
	// Done is called with the result; may be nil. It must not block.
	Done func(Result)

	Asked time.Time // by whoever asked first
}

// Asker is who has asked for a full sync.
type Asker uint8

// The askers. When a Person has asked for it, by -r or --resync, the full sync does not wait for
// the end of busy hours, nor do large files until these are over.
const (
	Program Asker = iota // the program itself, or the clock
	Person
)

// Manner is how a comparison is made.
type Manner struct {
	// Contents has files of equal size and time read on both sides, and Repair has what is found
	// brought over, as an automatic full sync would.
	Contents, Repair bool
	transport.Pace
}

// Result is what a full sync did.
type Result struct {
	Err   error
	Files int
	Bytes int64
	// Differing, Newer and Extras are what Verify has found: paths that a full sync
	// would send, files that -u keeps because they are newer on the remote, and
	// entries that only the remote has; sorted. Names beyond some ten thousand are
	// not kept, but counted.
	Differing, Newer, Extras  []string
	MoreDiffering, MoreExtras int
	Unreadable                int
}

// State is the lane's full sync, if any. Owned by the loop.
type State struct {
	Want    *Request
	Running bool
	Next    time.Time // no earlier try
	Sent    bool      // everything has been sent; the question what only the target has is left
	Attempt int
	Why     plan.Failure // of the last try
	// Touched are the paths that ordinary runs have brought over while it ran: the full sync may
	// have overwritten them with older content.
	Touched *dirty.Set
	// Specials are names at which ordinary runs have met a fifo, a socket or a device
	// since it began.
	Specials map[string]bool
	Again    []*Request     // asked for meanwhile
	Ends     uint64         // how many have ended
	Most     int64          // larger files did not fit on the target, and are left out; 0: none
	Rule     busyhours.Rule // that holds for the running one
	Stop     context.CancelFunc
}

// Overtake lets the first of the later requests that may begin now go before the present one.
func (f *State) Overtake(may func(*Request) bool) bool {
	i := slices.IndexFunc(f.Again, may)
	if i < 0 {
		return false
	}
	f.Want, f.Again[i] = f.Again[i], f.Want
	f.Attempt, f.Sent = 0, false
	return true
}

// Since is when the full sync that is not done yet was asked for; zero: there is none. A comparison
// does not count.
func (f *State) Since() (since time.Time) {
	for _, w := range append([]*Request{f.Want}, f.Again...) {
		if w != nil && !w.Verify && (since.IsZero() || w.Asked.Before(since)) {
			since = w.Asked
		}
	}
	return since
}

// Cancel ends the one that runs.
func (f *State) Cancel() {
	if f.Stop != nil {
		f.Stop()
	}
}

// Inherit takes over the full syncs that are wanted. Those that have failed are
// tried again at once.
func (f *State) Inherit(before *State, same bool) {
	f.Want, f.Again = before.Want, before.Again
	if same {
		f.Attempt, f.Why, f.Most = before.Attempt, before.Why, before.Most
	}
}

// Join makes a full sync also do what another waiting request asks for.
func (f *Request) Join(w *Request) {
	f.Mirror, f.Unknown, f.Asker = f.Mirror || w.Mirror, f.Unknown || w.Unknown, max(f.Asker, w.Asker)
	f.Contents, f.Repair = f.Contents || w.Contents, f.Repair || w.Repair
	if !f.Gentle || !w.Gentle { // a person waits for the answer of one of them
		f.Pace = transport.Pace{}
	}
	f.Done, f.Asked = both(w.Done, f.Done), w.Asked
}

// Merged adds a request to those that wait. A request that asks for the same as a waiting one is
// joined with it; otherwise a schedule could add requests faster than a slow remote serves them.
func Merged(waiting []*Request, f *Request) []*Request {
	for i, w := range waiting {
		if w.Mirror == f.Mirror && w.Verify == f.Verify && slices.Equal(w.Excludes, f.Excludes) {
			f.Join(w)
			waiting[i] = f
			return waiting
		}
	}
	return append(waiting, f)
}

// both calls two functions.
func both(a, b func(Result)) func(Result) {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(r Result) { a(r); b(r) }
}

// Answer calls Done with the result.
func (f *Request) Answer(r Result) {
	if f.Done != nil {
		f.Done(r)
	}
}
