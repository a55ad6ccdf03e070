package lanestate

import (
	"time"

	"github.com/sersync/sersync/pkg/brake"
)

// version is the version of the state files written here.
const version = 1

// watermarkMargin is how far before the watermark the catch-up scan looks.
// What it finds in the margin is only compared, so it may be generous:
//
//   - ctime comes from a clock that ticks with the kernel's timer (4 to 10 ms);
//   - an event may wait in the kernel's queue and in ours, seconds under load;
//   - a backward step of the clock up to clockTolerance is not noticed;
//   - a file that was written and is still open has the ctime of its last
//     write, and its event comes with the close, which does not move ctime.
//     A file that was created holds the watermark back for as long as it is
//     open (package filterqueue); one that was opened again and not written to
//     for longer than the margin is found by the self-check scan.
//
// It is not more generous because a program that is restarted soon after a
// large change would compare all of that change again.
const watermarkMargin = time.Minute

// State is what a lane remembers over a restart. It is plain data; the
// lane owns it.
type State struct {
	// Version is set by Save.
	Version int
	// Lane is the key of the lane: absolute watch root and destination. Raw
	// bytes. A file of another lane is never used for this one.
	Lane string
	// Saved is when and on which clock the state was written; set by Save.
	Saved Clock
	// Watermark is T: what changed before it is on the remote. Zero: nothing
	// is known, everything has to be compared. Use UsableWatermark.
	Watermark time.Time
	// MirrorDone: a mirror run that the user asked for has completed, so
	// automatic full syncs and catch-ups may delete.
	MirrorDone bool
	// MirrorScope is what that run has left in place on the remote, one line each (package
	// executor). nil: unknown.
	MirrorScope []string
	// RootIdentity is what the brake remembers.
	RootIdentity brake.Identity
	// Capabilities is what was learnt about the remote, by name.
	Capabilities map[string]string
	// LastSuccess is when a run last succeeded. Zero: never.
	LastSuccess time.Time
	// Differences is what the remote is known to differ by although nothing of
	// it is dirty.
	Differences []Difference
	// Moved lists what was moved here: on the remote its files may still be linked from the old
	// place, which is to be deleted there.
	Moved []Moved
	// History is what the status shows of the lane's past. It has a fixed size and a file of its
	// own. nil: there is none, or for Save: the saved one stays.
	History []byte
}

// Moved is something that was moved. Raw bytes.
type Moved struct{ From, To string }

// Difference is one kind of what a remote is known to differ by.
type Difference struct {
	Kind  string
	Count int
	Since time.Time // since when that is known
	Names []string  // some of the paths, raw bytes
}

// UsableWatermark returns the time from which on changes must be looked for:
// the watermark less its margin. It is zero, which means everything, when there
// is no watermark or the clock was set back since the state was saved: then new
// changes may carry a ctime before it.
func (s State) UsableWatermark(now Clock) time.Time {
	if s.Watermark.IsZero() || now.SteppedBack(s.Saved) {
		return time.Time{}
	}
	return s.Watermark.Add(-watermarkMargin)
}
