package executor

import (
	"context"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/busyhours"
	"github.com/sersync/sersync/pkg/executor/slots"
	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/ledger"
	"github.com/sersync/sersync/pkg/logging"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

// Options configure a Lane. They are immutable.
type Options struct {
	// ID is the lane's stable key: watch root and remote.
	ID string
	// Dir is the watch root's absolute path.
	Dir string
	// Transport is the way to the remote. The lane closes it at the end of Run.
	Transport transport.Transport
	Slots     *slots.Slots
	// Busy is when full syncs and large files wait or go slowly.
	Busy busyhours.Schedule
	// Caps is what the client can, joined with what was learned of the
	// receiver before.
	Caps transport.Capabilities

	// MayDelete is the delete switch: the only one for deletions of any kind.
	MayDelete bool
	// Scope is what a mirror run leaves alone now, see ScopeOf.
	Scope Scope
	// Known is what was known of the remote at the end of the process before.
	Known
	// Excluded is the filter's verdict; nil: nothing is.
	Excluded func(path string, dir bool) bool
	// Temp tells which files' events are dropped: what only the remote has under
	// such a name is never known to have been deleted here. nil: none.
	Temp func(path string) bool
	// Held is the disaster brake: why nothing may be deleted at path, or "".
	// event says that the deletion was seen on this host as it happened.
	Held func(path string, event bool) string
	// MostExtras bounds how many entries that only the target has are taken up
	// from one answer; the rest is asked for again. 0: 200,000.
	MostExtras int
	// Withheld is told that Held has kept what only the target has: it is not
	// remembered, and has to be found again once nothing is held. May be nil.
	Withheld func()
	// Root opens the watch root; nil while it is gone, or while something else
	// stands at its path. The caller closes it.
	Root func() *fstree.Root
	// Entries tells how many entries the watch root has, about; 0: unknown. May be
	// nil.
	Entries func() int64
	// Gone tells whether the watch root is known to be gone.
	Gone func() bool

	// Settled is told of each path that a run has brought to the remote, or
	// that failed for the first time; tree: with all below it. taken is when
	// the run looked at it. May be nil.
	Settled func(path string, tree, ok bool, taken time.Time)
	// Linked is told of each file with several names that a look has found, and
	// when it became dirty; written says that its content has changed: that of
	// the other names has, too, without an event. May be nil.
	Linked func(path string, st *unix.Stat_t, since time.Time, written bool)
	// Names finds all names of files by their inode numbers, for -H. May be nil.
	Names func(ctx context.Context, inodes map[uint64]bool) []string
	// Trouble is told when the remote stops serving and when it serves again.
	// May be nil.
	Trouble func(down bool)
	// Deletions gets what was deleted on the target, for the audit log; may be
	// nil.
	Deletions func(cause audit.Cause, paths []string)
	// FailLog gets the failing paths whenever they change; may be nil.
	FailLog func(entries []failqueue.Entry)
	// Ledger remembers which version of each file was sent last; may be nil.
	Ledger *ledger.Ledger
	// Scratch is a directory of this program's own, for files without content that
	// take the times of the remote's copies; it may be missing yet. Empty: there is none.
	Scratch string
	// Save asks for what is worth remembering (Remember) to be written down soon.
	// It must not wait for that; may be nil. At the end of Run the owner saves.
	Save func()

	Logger *zap.Logger
	// Troubles thins out what the log says of failures, for all lanes; nil: one of
	// the lane's own, whose counted lines wait for the next failure.
	Troubles *logging.Repeat
}

// Known is what a lane knows of its remote and cannot find out again.
type Known struct {
	// Mirrored says that a mirror run which the user asked for has completed
	// on this lane: automatic repairs may delete, too, what that run would
	// have deleted. MirrorScope is what it has left alone.
	Mirrored    bool
	MirrorScope Scope
	// Peer says that the remote mirrors back.
	Peer bool
	// Moved is what may share files on the remote with its old place, which is to be
	// deleted there.
	Moved []Moved
	// Differences is what the remote differs by although nothing of it is dirty.
	Differences []status.Difference
}

// secondLook is how long a path that was found absent is given to come back:
// editors and log rotation remove and create.
const secondLook = 50 * time.Millisecond

// handful is a batch after which a few milliseconds of silence are worth
// waiting for: more is on its way.
const handful = 8

// quietTime and its bound are that silence.
const (
	quietTime = 8 * time.Millisecond
	quietMax  = 2 * time.Second
)
