package daemon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/rsync"
)

// saveEvery is how far a state file may lag behind: what changed since is only
// compared again after a crash.
const saveEvery = 30 * time.Second

// keeper saves what the lanes remember.
type keeper struct {
	store *failqueue.Store
	log   *zap.Logger
	wake  chan struct{} // capacity 1

	saving sync.Mutex // held during disk writes, so that none overtakes a later one

	mu    sync.Mutex
	lanes []kept
}

type kept struct {
	lane   *executor.Lane
	root   *root
	choice string
}

func newKeeper(store *failqueue.Store, log *zap.Logger) *keeper {
	return &keeper{store: store, log: log, wake: make(chan struct{}, 1)}
}

func (k *keeper) add(l *executor.Lane, r *root, choice string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lanes = append(k.lanes, kept{l, r, choice})
}

// soon asks for a save without waiting for it.
func (k *keeper) soon() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) run(ctx context.Context) error {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-k.wake:
		}
		k.save()
	}
}

// save writes every lane's state file and returns when it is on the disk: what
// a lane says it has completed must hold after a crash.
func (k *keeper) save() {
	k.saving.Lock()
	defer k.saving.Unlock()
	k.mu.Lock()
	lanes := k.lanes
	k.mu.Unlock()
	for _, kp := range lanes {
		now := time.Now()
		mark := kp.root.watermark(now)
		// A program that was stopped (SIGSTOP), and is ended as soon as it goes on,
		// has not read what changed meanwhile.
		if read := kp.root.ticks.lastGood(); read.Before(mark) {
			mark = read
		}
		r := kp.lane.Remember(now)
		switch {
		case kp.root.hidden():
			r.Watermark = time.Time{}
		case r.Watermark.After(mark):
			r.Watermark = mark
		}
		err := k.store.Save(failqueue.LaneState{
			Lane: kp.lane.ID(), Watermark: r.Watermark, MirrorDone: r.Mirrored, RootIdentity: kp.root.remembered(),
			Capabilities: encodeCaps(r.Caps, kp.choice), LastSuccess: r.LastOK,
		})
		if err != nil {
			k.log.Warn("state not saved, a restart will compare more", zap.String("lane", kp.lane.ID()), zap.Error(err))
		}
	}
}

// load reads a lane's state. A damaged or foreign file is reported; what of it
// is safe to use comes back all the same.
func (k *keeper) load(lane string) failqueue.LaneState {
	s, err := k.store.Load(lane)
	if err != nil {
		k.log.Warn("state file not used, everything is compared", zap.String("lane", lane), zap.Error(err))
	}
	return s
}

// The names under which capabilities are remembered.
const (
	capChoice  = "choice"
	capSeconds = "times"
	capDeleter = "delete"
	capNoList  = "list"
)

// choiceOf is a digest of what the configuration selects and carries. When it
// differs from the one a watermark was written under, what is older than the
// watermark may now have to be sent, too.
func choiceOf(conf confxml.Config, local confxml.LocalPath, remote confxml.Remote) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %v %v", remote.Params, local.DotFiles, conf.Filter.On)
	// With the switches of the shipped file the digest is that of older versions.
	if sw := conf.Inotify; !sw.CreateFolder || !sw.CloseWrite || !sw.MoveTo || sw.Attrib {
		fmt.Fprintf(h, " %v %v %v %v", sw.CreateFolder, sw.CloseWrite, sw.MoveTo, sw.Attrib)
	}
	if conf.Filter.On {
		for _, e := range conf.Filter.Exclude {
			fmt.Fprintf(h, " %q", e.Text)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// encodeCaps writes down what a receiver lacks.
func encodeCaps(c rsync.Capabilities, choice string) map[string]string {
	m := map[string]string{capChoice: choice}
	if c.SecondsOnly {
		m[capSeconds] = "seconds"
	}
	if c.Deleter == rsync.DeletePatterns {
		m[capDeleter] = "patterns"
	}
	if c.NoList {
		m[capNoList] = "refused"
	}
	return m
}

// decodeCaps joins what was learnt with what the client lacks. That deletions
// were refused is asked again at each start: it is a line in rsyncd.conf.
func decodeCaps(m map[string]string, c rsync.Capabilities) rsync.Capabilities {
	c.SecondsOnly = c.SecondsOnly || m[capSeconds] == "seconds"
	if m[capDeleter] == "patterns" {
		c.Deleter = rsync.DeletePatterns
	}
	c.NoList = m[capNoList] == "refused"
	return c
}
