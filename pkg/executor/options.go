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
	// Caps is what the client can do, joined with what was learnt of the receiver before.
	Caps transport.Capabilities

	// MayDelete is the delete switch: the only one for deletions of any kind.
	MayDelete bool
	// Scope is what a mirror run leaves out now, see ScopeOf.
	Scope Scope
	// Known is what was known of the remote at the end of the previous process.
	Known
	// Excluded tells whether the filter excludes a path; nil: it excludes nothing.
	Excluded func(path string, dir bool) bool
	// Temp tells for which files events are dropped: of an entry with such a name that only the
	// remote has, it is never known whether it was deleted here. nil: for none.
	Temp func(path string) bool
	// Held is the brake: why nothing may be deleted at path, or "". event says that the deletion
	// was seen on this host as it happened.
	Held func(path string, event bool) string
	// MostExtras bounds how many entries of one answer about what only the target has are kept; the
	// question is repeated for the rest. 0: 200,000.
	MostExtras int
	// Withheld is called when Held has kept entries from being deleted that only the target has:
	// they are not remembered, and have to be found again once nothing is held. May be nil.
	Withheld func()
	// Root opens the watch root; nil while it is gone, or while its path leads to another
	// directory. The caller closes it.
	Root func() *fstree.Root
	// Entries tells roughly how many entries the watch root has; 0: unknown. May be nil.
	Entries func() int64
	// Gone tells whether the watch root is known to be gone.
	Gone func() bool

	// Settled is called for each path that a run has brought to the remote, or that has failed;
	// tree: with everything below it. taken is when the run looked at it. May be nil.
	Settled func(path string, tree, ok bool, taken time.Time)
	// Linked is called for each file with several names that a look has found, with the time when
	// it became dirty; written says that its content has changed, and so the content under its
	// other names, for which there is no event. May be nil.
	Linked func(path string, st *unix.Stat_t, since time.Time, written bool)
	// Names finds all names of files by their inode numbers, for -H. May be nil.
	Names func(ctx context.Context, inodes map[uint64]bool) []string
	// Trouble is called when the remote stops serving and when it serves again. May be nil.
	Trouble func(down bool)
	// Deletions gets the paths that were deleted on the target, for the audit log; may be nil.
	Deletions func(cause audit.Cause, paths []string)
	// FailLog gets the failing paths whenever they change; may be nil.
	FailLog func(entries []failqueue.Entry)
	// Ledger remembers which version of each file was sent last; may be nil.
	Ledger *ledger.Ledger
	// Scratch is a directory of this program's own, for files without content that
	// take the times of the remote's copies; it may be missing yet. Empty: there is none.
	Scratch string
	// Save asks for the state (Remember) to be saved soon. It must not wait for that; may be nil.
	// At the end of Run the owner saves.
	Save func()

	Logger *zap.Logger
	// Troubles thins out what is logged about failures, for all lanes together; nil: the lane has
	// one of its own, which writes a counted line only with the next failure.
	Troubles *logging.Repeat
}

// Known is what a lane knows of its remote and could not find out again.
type Known struct {
	// Mirrored says that a mirror run which the user asked for has completed on this lane:
	// automatic full syncs may then delete what that run would have deleted. MirrorScope is what
	// that run has left out.
	Mirrored    bool
	MirrorScope Scope
	// Peer says that the remote mirrors back.
	Peer bool
	// Moved are moves whose new place may share files on the remote with the old one, which is
	// still to be deleted there.
	Moved []Moved
	// Differences are the known differences of the remote, of which nothing is dirty.
	Differences []status.Difference
}

// secondLook is how long a path that was found absent is given to come back:
// editors and log rotation remove and create.
const secondLook = 50 * time.Millisecond

// handful: after a batch of more paths than this a short pause is worth while, because more changes
// are probably coming.
const handful = 8

// quietTime and its bound are that silence.
const (
	quietTime = 8 * time.Millisecond
	quietMax  = 2 * time.Second
)
