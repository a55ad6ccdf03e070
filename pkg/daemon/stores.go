package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/instance"
	"github.com/sersync/sersync/pkg/lanestate"
	"github.com/sersync/sersync/pkg/notes"
	"github.com/sersync/sersync/pkg/records"
)

// stores are the files that a site writes in goroutines of their own, so that no lane waits for
// them.
type stores struct {
	dir     string // the state directory; empty: there is none
	states  *records.States
	ledgers *records.Ledgers
	audit   *records.Deletions // nil: no audit log can be kept
	failLog *records.FailLog   // nil until openFailLog
}

// disks write the files of one kind each. They outlive sites.
type disks struct{ state, failLog, audit *records.Disk }

func newDisks() disks {
	return disks{state: records.NewDisk(), failLog: records.NewDisk(), audit: records.NewDisk()}
}

// openStores finds a directory for the state, and opens everything but the fail log. Without a
// directory the program runs as well, but a restart compares everything.
func openStores(conf confxml.State, disks disks, n *notes.List, log *zap.Logger) (stores, error) {
	dir, why, err := instance.StateDir(conf.Dir)
	if err != nil {
		return stores{}, err
	}
	noteStateDir(n, dir, why)
	var store records.Store = records.NoStore{}
	if dir != "" {
		if store, err = lanestate.Open(dir); err != nil {
			return stores{dir: dir}, err
		}
	}
	return stores{
		dir:     dir,
		states:  records.NewStates(store, disks.state, n.Written("state not saved, a restart will compare more", dir, "<state dir>"), log.Named("state")),
		ledgers: records.NewLedgers(dir, disks.state, n.Written("the record of what was sent is not written, files that are rolled back while sersync is down may not be sent", dir, "<state dir>")),
		audit:   openAudit(dir, disks.audit, n),
	}, nil
}

// scratchDir is the directory of the empty files on which lanes have rsync set the times of a
// remote's copies, to read them there.
func scratchDir(stateDir string) string { return filepath.Join(stateDir, "times") }

// clearScratch removes what the lanes of a killed process have left in scratchDir.
func (st *stores) clearScratch() {
	if st.dir != "" {
		_ = os.RemoveAll(scratchDir(st.dir))
	}
}

func noteStateDir(n *notes.List, dir string, why error) {
	const elsewhere, nowhere = "state is kept in a temporary place", "no state is kept, a restart will compare everything"
	if why == nil || dir != "" {
		n.End(nowhere)
	}
	switch {
	case why == nil:
		n.End(elsewhere)
	case dir != "":
		n.Begin(elsewhere, fmt.Sprintf("%v; %s is used instead", why, dir), instance.StateRemedy)
	default:
		n.End(elsewhere)
		n.Begin(nowhere, why.Error(), instance.StateRemedy)
	}
}

func openAudit(dir string, disk *records.Disk, n *notes.List) *records.Deletions {
	if dir == "" {
		return nil
	}
	tell := n.Written("audit log of deletions not written", dir, "<state dir>")
	to, err := audit.Open(dir)
	if err != nil {
		tell(err)
		return nil
	}
	return records.NewDeletions(to, disk, tell)
}

// openFailLog opens the fail log. Whoever had it open before has closed it.
func (st *stores) openFailLog(path string, disk *records.Disk, n *notes.List, log *zap.Logger) {
	tell := n.Written("fail log not written, failures show in the log and the status", path, "<failLog path>")
	st.failLog = records.NewFailLog(path, disk, tell, log.Named("failqueue"))
}

// deletions returns the function that a lane reports its deletions to.
func (st *stores) deletions(lane string) func(audit.Cause, []string) {
	if st.audit == nil {
		return nil
	}
	return st.audit.Lane(lane)
}

// run writes whatever the lanes have queued until ctx ends.
func (st *stores) run(ctx context.Context, group *errgroup.Group) {
	group.Go(func() error { return st.failLog.Run(ctx) })
	group.Go(func() error { return st.states.Run(ctx) })
	group.Go(func() error { return st.ledgers.Run(ctx) })
	if st.audit != nil {
		group.Go(func() error { return st.audit.Run(ctx) })
	}
}

// finish writes a last time what has changed, for as long as ctx allows.
func (st *stores) finish(ctx context.Context, writes *sync.WaitGroup) {
	writes.Go(func() { st.states.Finish(ctx) })
	writes.Go(func() { st.ledgers.Finish(ctx) })
	writes.Go(func() { st.failLog.Finish(ctx) })
	if st.audit != nil {
		writes.Go(func() { st.audit.Finish(ctx) })
	}
}

// close closes what is open, for a bounded time.
func (st *stores) close() {
	ctx, cancel := context.WithTimeout(context.Background(), records.LastWrites)
	defer cancel()
	if st.failLog != nil {
		st.failLog.Close(ctx)
	}
	if st.audit != nil {
		st.audit.Close(ctx)
	}
}
