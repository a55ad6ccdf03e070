package executor

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/beneath"
	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/rsync"
)

// Options configure a Lane. They are immutable.
type Options struct {
	// ID is the lane's stable key: watch root and remote.
	ID string
	// Dir is the watch root's absolute path, the working directory of rsync.
	Dir    string
	Target rsync.Target
	// Program is the rsync client, Launcher starts it.
	Program  string
	Launcher *rsync.Launcher
	// Plain starts what does not look into the tree and may stay for long (ssh):
	// in the mount namespace of this program, so that it keeps no file system
	// alive that was unmounted.
	Plain *rsync.Launcher
	Slots *Slots
	// Connects is shared by all lanes; nil: connections are made at once.
	Connects *Connects
	// Caps is what the client can, joined with what was learned of the
	// receiver before.
	Caps rsync.Capabilities

	// MayDelete is the delete switch: the only one for deletions of any kind.
	MayDelete bool
	// Mirrored says that a mirror run which the user asked for has completed
	// on this lane before: automatic repairs may delete, too.
	Mirrored bool
	// Excluded is the filter's verdict; nil: nothing is.
	Excluded func(path string, dir bool) bool
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
	Root func() *beneath.Root
	// Gone tells whether the watch root is known to be gone.
	Gone func() bool

	// Standby keeps an rsync started ahead.
	Standby bool
	// Proxied says that the environment sends rsync through a proxy or a
	// program (RSYNC_PROXY, RSYNC_CONNECT_PROG): a probe of ours would not
	// take that way.
	Proxied bool
	// ControlPath is where an ssh master listens; empty: none.
	ControlPath string

	// Settled is told of each path that a run has brought to the remote, or
	// that failed for the first time; tree: with all below it. taken is when
	// the run looked at it. May be nil.
	Settled func(path string, tree, ok bool, taken time.Time)
	// Linked is told that a file with several names was written through one of
	// them at since: the others have changed, too, without an event. May be nil.
	Linked func(dev, ino uint64, since time.Time)
	// Names finds all names of files by their inode numbers, for -H. May be nil.
	Names func(ctx context.Context, inodes map[uint64]bool) []string
	// Trouble is told when the remote stops serving and when it serves again.
	// May be nil.
	Trouble func(down bool)
	// Commands gets each command before it runs, for debug output; may be nil.
	Commands func(command string)
	// Deletions gets what was deleted on the target, for the audit log; may be
	// nil.
	Deletions func(cause failqueue.Cause, paths []string)
	// FailLog gets the failing paths whenever they change; may be nil.
	FailLog func(entries []failqueue.Entry)
	// Save writes down what is worth remembering, and returns when it is safe;
	// may be nil.
	Save func()

	Logger *zap.Logger
}

// bigFile is from where on a file gets a run of its own: beside it small
// files would wait for its bytes.
const bigFile = 8 << 20

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

// maxBatch bounds one list of names. rsync reads it byte by byte, and what
// fails in it is asked for again.
const maxBatch = 20_000

// item is short for what the dirty set hands out.
type item = filterqueue.Item
