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

// Request describes a full sync: everything is sent, nothing deleted; then the
// target is asked what only it has, each candidate is looked up here again,
// and what is really gone becomes dirty. rsync's own --delete in a long run
// would remove what is pushed meanwhile.
type Request struct {
	// Mirror says that the user asked for it (-r, crontab, --resync): it may
	// delete, and when it has completed automatic repairs may, too.
	Mirror bool
	// Unknown says that nothing is known of the target any more: until the full
	// sync has completed there is no watermark.
	Unknown bool
	// Replaced says that the tree was put in the place of another one which the
	// target has: size and time of a file do not tell whether it is the same,
	// and an older file is to arrive, too.
	Replaced bool
	// Asker is who wants it.
	Asker Asker
	// Verify compares only and changes nothing.
	Verify bool
	Manner
	// Excludes are rsync patterns of crontabfilter.
	Excludes []string
	// Done is told how it ended; may be nil. It must not block.
	Done func(Result)

	Asked time.Time // by whoever asked first
}

// Asker is who wants a full sync.
type Asker uint8

// The askers. For a Person who has asked for it by -r or --resync no full sync waits
// for the end of busy hours, and until these are over no large file does.
const (
	Program Asker = iota // the program itself, or the clock
	Person
)

// Manner is how a comparison is made.
type Manner struct {
	// Contents reads files of one size and time on both sides, and Repair brings
	// over what is found, as an automatic full sync would.
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
	Sent    bool      // everything has been sent; what only the target has is to be asked
	Attempt int
	Why     plan.Failure // of the last try
	// Touched are the paths that ordinary runs brought over meanwhile: the
	// full sync may have overwritten them with what it had read before.
	Touched *dirty.Set
	// Specials are names at which ordinary runs have met a fifo, a socket or a device
	// since it began.
	Specials map[string]bool
	Again    []*Request     // asked for meanwhile
	Ends     uint64         // how many have ended
	Most     int64          // what is larger has not fitted, and is left out; 0: none
	Rule     busyhours.Rule // by which the running one goes
	Stop     context.CancelFunc
}

// Overtake has the first of those that were asked for later and may begin now go before
// the wanted one.
func (f *State) Overtake(may func(*Request) bool) bool {
	i := slices.IndexFunc(f.Again, may)
	if i < 0 {
		return false
	}
	f.Want, f.Again[i] = f.Again[i], f.Want
	f.Attempt, f.Sent = 0, false
	return true
}

// Since is since when a full sync has been wanted that is not done; zero: none
// is. A comparison owes the remote nothing.
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

// Join makes a full sync do what another one that waits is asked for, too.
func (f *Request) Join(w *Request) {
	f.Mirror, f.Unknown, f.Asker = f.Mirror || w.Mirror, f.Unknown || w.Unknown, max(f.Asker, w.Asker)
	f.Contents, f.Repair = f.Contents || w.Contents, f.Repair || w.Repair
	if !f.Gentle || !w.Gentle { // somebody waits for the answer
		f.Pace = transport.Pace{}
	}
	f.Done, f.Asked = both(w.Done, f.Done), w.Asked
}

// Merged adds a wanted full sync to those that wait; one that asks for the same
// as another is enough, or a schedule would outrun a slow remote without end.
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

// both tells two callers.
func both(a, b func(Result)) func(Result) {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return func(r Result) { a(r); b(r) }
}

// Answer tells who asked how it ended.
func (f *Request) Answer(r Result) {
	if f.Done != nil {
		f.Done(r)
	}
}
