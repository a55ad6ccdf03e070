package daemon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/status"
)

// socketPath is where a running instance answers: one per configuration file,
// and one per plugin that runs alone beside it.
func socketPath(stateDir, file, module string) string {
	abs, err := filepath.Abs(file)
	if err != nil {
		abs = file
	}
	sum := sha256.Sum256([]byte(abs))
	name := "status-" + hex.EncodeToString(sum[:6])
	if module != "" {
		name += "-" + module
	}
	return filepath.Join(stateDir, name+".sock")
}

// Snapshot is the whole program as an operator sees it.
func (d *Daemon) Snapshot() status.Snapshot {
	now := time.Now()
	host, _ := os.Hostname()
	s := status.Snapshot{
		Version: cli.ReleaseVersion(), PID: os.Getpid(), Host: host, Started: d.started, Now: now,
		Ready: d.watching.Load(), Names: true,
	}
	current := d.current.Load()
	if current == nil {
		return s
	}
	s.ConfigFile, s.Watches.Limit = current.conf.File, watchLimit()
	for _, r := range current.roots {
		s.Roots = append(s.Roots, r.snapshot())
		for _, l := range r.lanes {
			lane := l.Snapshot(now)
			lane.Verify = d.lastVerify(l.ID())
			s.Lanes = append(s.Lanes, lane)
		}
		w := r.watch.watcher.Stats()
		s.Watches.Count += int(w.Watches)
		s.Watches.Uncovered += int(w.Uncovered)
		s.Watches.Overflows += uint64(w.Overflows)
	}
	for _, x := range current.plugins.list {
		s.Plugins = append(s.Plugins, pluginSnapshot(x.name, current.plugins.stats(x), now))
	}
	return s
}

func pluginSnapshot(name string, st plugins.Stats, now time.Time) status.Plugin {
	p := status.Plugin{
		Name: name, Pending: st.Pending, Delivered: st.Delivered, FailedAttempts: st.Failed, Dropped: st.Dropped,
		LastError: st.LastError, LastFailure: st.LastErrorAt, LastSuccess: st.LastSuccess,
	}
	if st.Oldest > 0 {
		p.OldestPending = now.Add(-st.Oldest)
	}
	return p
}

// Do carries out what an operator asks for. During a reload the site that is
// replaced takes it, for the next one to carry out, or the next one itself.
func (d *Daemon) Do(ctx context.Context, verb status.Verb, lane string) error {
	for {
		s := d.current.Load()
		if s == nil {
			return fmt.Errorf("%w: nothing runs yet", status.ErrUnknownLane)
		}
		err := s.do(ctx, verb, lane)
		if !errors.Is(err, errReplaced) {
			return err
		}
		select {
		case <-s.replaced:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errReplaced says that another site is about to take over.
var errReplaced = errors.New("the configuration is being replaced")

func (s *site) do(ctx context.Context, verb status.Verb, lane string) error {
	s.acting.RLock()
	defer s.acting.RUnlock()
	if s.over {
		return errReplaced
	}
	found := false
	for _, r := range s.roots {
		for _, l := range r.lanes {
			if lane != "" && lane != l.ID() && lane != r.dir {
				continue
			}
			found = true
			if err := s.act(ctx, verb, r, l); err != nil {
				return err
			}
		}
	}
	if !found {
		return fmt.Errorf("%w: %q", status.ErrUnknownLane, lane)
	}
	return nil
}

func (s *site) act(ctx context.Context, verb status.Verb, r *root, l *executor.Lane) error {
	s.log.Info("operator's request", zap.String("verb", string(verb)), zap.String("lane", l.ID()))
	switch verb {
	case status.Resync:
		return l.FullSync(ctx, executor.Full{Mirror: true})
	case status.Verify:
		return l.FullSync(ctx, executor.Full{Verify: true, Done: s.verified(l)})
	case status.AcceptEmpty:
		if err := r.accept(); err != nil {
			return err
		}
		s.keeper.soon()
		// What is missing now is meant to be missing: the deletions that events
		// asked for wait in the lanes, the others have to be found.
		if err := l.RetryNow(ctx); err != nil {
			return err
		}
		return r.compare(ctx)
	case status.Pause, status.Resume:
		return l.Pause(ctx, verb == status.Pause)
	default:
		return fmt.Errorf("unknown request %q", verb)
	}
}

// verified keeps and logs what a read-only comparison has found.
func (s *site) verified(l *executor.Lane) func(executor.FullResult) {
	return func(r executor.FullResult) {
		v := status.Comparison{
			Time: time.Now(), Differing: len(r.Differing), OnlyOnTarget: r.OnlyThere,
			Names: r.Differing[:min(status.ComparisonNames, len(r.Differing))],
		}
		if r.Err != nil {
			v.Error = r.Err.Error()
			s.log.Warn("verify failed", zap.String("lane", l.ID()), zap.Error(r.Err))
		} else {
			s.log.Info("verified", zap.String("lane", l.ID()), zap.Int("differing", v.Differing),
				zap.Int("only_on_target", v.OnlyOnTarget), zap.Strings("paths", v.Names))
		}
		s.daemon.verifies.Store(l.ID(), &v)
	}
}

// lastVerify is the lane's last comparison, nil before the first.
func (d *Daemon) lastVerify(lane string) *status.Comparison {
	v, _ := d.verifies.Load(lane)
	found, _ := v.(*status.Comparison)
	return found
}
