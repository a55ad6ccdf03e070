package transport

import (
	"context"
	"errors"
	"time"
)

// ErrRootGone ends a call before it begins: there is nothing to send from.
var ErrRootGone = errors.New("the watch root is gone")

// Transport is the way to one remote.
//
// Do, Probe and Release may be called from any number of goroutines at a time, and end
// soon after their context. ByHand, Command and Terms do not wait and may be called
// from anywhere. Everything else belongs to one goroutine, the owner's.
type Transport interface {
	// Terms are the same at every call.
	Terms() Terms

	// Do carries one batch to its end. The error says that it could not be begun: the
	// watch root is gone (ErrRootGone), Call.Start has refused, ctx has ended, or what
	// carries batches cannot be started. Whatever happens after that is in the result:
	// when ctx ends during the call, its class is Stopped. What has arrived stays.
	Do(ctx context.Context, c Call) (Trip, error)
	// Probe tells whether the remote answers at all, which costs one connection. It is
	// no error where only a batch can tell.
	Probe(ctx context.Context) error
	// Release tells which release of its program the remote has. The zero value says
	// that nothing is known.
	Release(ctx context.Context) Release

	// KeepConnection makes the connection that batches share, where they do, when it
	// does not stand. It is called before the batches that wait for it, and does not
	// wait itself.
	KeepConnection(ctx context.Context, now time.Time)
	// KeepStandby has something wait for batches like this one (see Call.Warm), when
	// nothing does, and replaces what is too old or knows the remote otherwise. idle
	// says that no such batch is under way.
	KeepStandby(ctx context.Context, now time.Time, like Batch, idle bool)
	// Waits tells whether something waits for such a batch.
	Waits() bool
	// Due is when KeepConnection or KeepStandby has something to do; zero: neither has.
	Due(idle bool) time.Time

	// Down takes in a result that shows the remote in trouble: what waits and what
	// stands is given up. Up takes in that the remote serves.
	Down(Result)
	Up()
	// Drop gives up what waits: the directory it stands in is gone, or it is not to be
	// used for now.
	Drop()
	// Leave gives up what waits for good; batches may still be under way.
	Leave()
	// Close ends the rest. It is called once, when every Do, Probe and Release has
	// returned, and returns when nothing of the transport is left.
	Close()

	// ByHand is the argument vector with which a person carries out a batch for one
	// path, and Command the command line of a batch, for people.
	ByHand(b Batch, path string) []string
	Command(b Batch) string
}

// Release is which release of its program a remote has, as far as that is known.
type Release struct {
	Name string // for people; empty: not known
	// ComparesSameSecond: where Terms.Update holds, the remote compares the contents of
	// its copy of the same second. Otherwise it may keep that copy.
	ComparesSameSecond bool
}

// Terms are what the remote, and the user's parameters for it, ask of a lane.
type Terms struct {
	// Remote is the remote as users read it, such as "host::module".
	Remote string
	// Update: the remote keeps its copy of a file where that is newer, unless a batch
	// lifts it.
	Update bool
	// Links, Devices, Specials and Times tell what is carried, HardLinks that the names
	// of one file have to go together, and FollowLinks that a symbolic link is sent as
	// what it leads to.
	Links, Devices, Specials, Times, HardLinks, FollowLinks bool
	// Inplace: the remote writes a file in its place. PartialDir: where it keeps parts
	// of large files is the user's choice, not the directory PartialDir.
	Inplace, PartialDir bool
	Comparing
	MaxSize int64 // size in bytes above which the user has files left out; 0: none
	BWLimit int64 // bytes per second that the user allows; 0: no limit
	// Sends is how many Send batches are worth to be under way at a time.
	Sends int
	// Patterned: the user has patterns of his own, and Excludes tells what they leave
	// out; nil: nothing.
	Patterned bool
	Excludes  func(path string, dir bool) bool
	// Matcher makes what tells whether one of the patterns excludes a path.
	Matcher func(patterns []string) func(path string, dir bool) bool
	// AllowDeletions is the remedy where the remote refuses every deletion.
	AllowDeletions string
	// Reuses tells whether a batch's Reuse may name a path; nil: none, Reuse is not for
	// this remote.
	Reuses func(path string) bool
	Silence
}

// Silence is why a remote cannot be asked what it has, and where to look instead; empty:
// it can. Batches that compare or ask are refused there.
type Silence struct{ Unasked, UnaskedRemedy string }

// Comparing is what the user chose of how two versions of a file are compared.
type Comparing struct {
	// ModifyWindow: which times are equal is the user's choice.
	ModifyWindow bool
	// SizeOnly: contents of equal size are taken for equal, whatever their times are.
	SizeOnly bool
}

// PartialDir is where receivers keep the part of a large file that has
// arrived. Only batches that are worth resuming name it, for one that is killed
// would otherwise leave pieces of small files there; where a batch compares or
// deletes whole trees it is excluded.
const PartialDir = ".sersync-partial"

// Out tells whether the user's own patterns leave a path out.
func (t Terms) Out(path string, dir bool) bool { return t.Excludes != nil && t.Excludes(path, dir) }
