package transport

import (
	"context"
	"errors"
	"time"
)

// ErrRootGone ends a call before it begins: there is no watch root to send from.
var ErrRootGone = errors.New("the watch root is gone")

// Transport is the way to one remote.
//
// Do, Probe and Release may be called from any number of goroutines at a time, and end soon after
// their context. ByHand, Command and Terms do not wait and may be called from any goroutine. All
// other methods belong to one goroutine, the owner's.
type Transport interface {
	// Terms are the same at every call.
	Terms() Terms

	// Do carries one batch to its end. The error says that it could not begin: the watch root is
	// gone (ErrRootGone), Call.Start has returned an error, ctx has ended, or the program that
	// carries batches cannot be started. Whatever happens after that is in the result: when ctx
	// ends during the call, its class is Stopped. What has arrived stays on the remote.
	Do(ctx context.Context, c Call) (Trip, error)
	// Probe tells whether the remote answers at all, which costs one connection. It returns no
	// error where only a batch can show that.
	Probe(ctx context.Context) error
	// Release tells which release of its program the remote has. The zero value says
	// that nothing is known.
	Release(ctx context.Context) Release

	// KeepConnection makes the connection that batches share, if they share one and there is none.
	// It is called before the batches that wait for the connection, and does not wait itself.
	KeepConnection(ctx context.Context, now time.Time)
	// KeepStandby starts a standby for batches like this one (see Call.Warm) if there is none, and
	// replaces one that is too old or was started with other capabilities. idle says that no such
	// batch is under way.
	KeepStandby(ctx context.Context, now time.Time, like Batch, idle bool)
	// Waits tells whether there is a standby.
	Waits() bool
	// Due is when KeepConnection or KeepStandby has something to do; zero: neither has.
	Due(idle bool) time.Time

	// Down is called with a result that shows the remote in trouble: standby and shared connection
	// may be given up. Up is called when the remote serves.
	Down(Result)
	Up()
	// Drop gives up the standby, because its directory is gone, or because it is not to be used for
	// now.
	Drop()
	// Leave gives up the standby for good; batches may still be under way.
	Leave()
	// Close ends everything else. It is called once, after every Do, Probe and Release has
	// returned, and returns when nothing of the transport is left.
	Close()

	// ByHand is the argument vector with which a person can carry out a batch for one path, and
	// Command the command line of a batch, for people.
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

// Terms are what a lane has to know of the remote and of the user's parameters for it.
type Terms struct {
	// Remote is the remote as users read it, such as "host::module".
	Remote string
	// Update: the remote keeps its copy of a file if that is newer, unless a batch lifts this.
	Update bool
	// Links, Devices, Specials and Times tell what is sent, HardLinks that all names of a file have
	// to be sent together, and FollowLinks that instead of a symbolic link the file or directory is
	// sent to which it leads.
	Links, Devices, Specials, Times, HardLinks, FollowLinks bool
	// Inplace: the remote writes files in place. PartialDir: the user has chosen where parts of
	// large files are kept, so it is not the directory PartialDir.
	Inplace, PartialDir bool
	Comparing
	MaxSize int64 // size in bytes above which the user has files left out; 0: none
	BWLimit int64 // bytes per second that the user allows; 0: no limit
	// Sends is how many Send batches should be under way at a time.
	Sends int
	// Patterned: the user's parameters have patterns, and Excludes tells what they leave out; nil:
	// nothing.
	Patterned bool
	Excludes  func(path string, dir bool) bool
	// Matcher returns a function that tells whether one of the patterns excludes a path.
	Matcher func(patterns []string) func(path string, dir bool) bool
	// AllowDeletions is the remedy where the remote refuses every deletion.
	AllowDeletions string
	// Reuses tells whether a batch's Reuse may name these directories; nil: Reuse cannot be used
	// with this remote.
	Reuses func(of, at string) bool
	Silence
}

// Silence says why a remote cannot be asked what it has, and where to look instead; empty: it can
// be asked. If it cannot, batches that compare or ask are refused.
type Silence struct{ Unasked, UnaskedRemedy string }

// Comparing are the user's choices about how two versions of a file are compared.
type Comparing struct {
	// ModifyWindow: which times are equal is the user's choice.
	ModifyWindow bool
	// SizeOnly: contents of equal size are taken for equal, whatever their times are.
	SizeOnly bool
}

// PartialDir is where receivers keep the part of a large file that has arrived. Only batches that
// may be resumed name it, for otherwise a batch that is killed would leave parts of small files
// there. Batches that compare or delete whole trees exclude it.
const PartialDir = ".sersync-partial"

// Out tells whether the user's own patterns exclude a path.
func (t Terms) Out(path string, dir bool) bool { return t.Excludes != nil && t.Excludes(path, dir) }
