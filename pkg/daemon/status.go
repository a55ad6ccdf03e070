package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/inotify"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/watchroot"
)

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
	s.ConfigFile, s.Watches.Limit = current.conf.File, int(inotify.WatchLimit())
	s.ConfigProblems = configProblems(current.conf)
	for _, r := range current.roots {
		s.Roots = append(s.Roots, r.Snapshot())
		for _, l := range r.Lanes() {
			lane := l.Snapshot(now)
			lane.Verify = d.lastVerify(l.ID())
			lane.Edges = current.edgesOf(l.ID(), now, status.EdgesShown)
			s.Lanes = append(s.Lanes, lane)
		}
		w := r.WatchStats()
		s.Watches.Count += int(w.Watches)
		s.Watches.Uncovered += int(w.Uncovered)
		s.Watches.Overflows += uint64(w.Overflows)
	}
	s.Notes = d.notes.All()
	current.plugins.Each(func(name string, stats plugins.Stats) {
		s.Plugins = append(s.Plugins, pluginSnapshot(name, stats, now))
	})
	s.Plugins = append(s.Plugins, current.notifiers.snapshot(now)...)
	return s
}

// configProblems are the errors, as --check calls them, of a configuration that runs all the same.
func configProblems(conf confxml.Config) []status.ConfigProblem {
	var list []status.ConfigProblem
	for _, p := range conf.Warnings {
		if p.Severity >= confxml.Fault {
			list = append(list, status.ConfigProblem{Line: p.Line, Element: p.Element, Message: p.Message, Remedy: p.Remedy})
		}
	}
	return list
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

// Do carries out an operator's request. During a reload either the old site accepts it, and hands
// it over to the next one, or the next one does.
func (d *Daemon) Do(ctx context.Context, verb status.Verb, lane string) error {
	if verb == status.Reload {
		if d.opt.Command.Module != "" {
			return errNoReload
		}
		return d.reloads.ask(ctx)
	}
	for {
		s := d.current.Load()
		if s == nil {
			return fmt.Errorf("%w: nothing runs yet", status.ErrUnknownLane)
		}
		err := s.requests.carryOut(func() error { return s.do(ctx, verb, lane) })
		if !errors.Is(err, errReplaced) {
			return err
		}
		select {
		case <-s.requests.replaced:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// do carries out a request for one lane by its id, for the lanes of a directory, or for all.
func (s *site) do(ctx context.Context, verb status.Verb, lane string) error {
	found := false
	for _, r := range s.roots {
		for _, l := range r.Lanes() {
			if lane != "" && lane != l.ID() && lane != r.Dir() {
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

func (s *site) act(ctx context.Context, verb status.Verb, r *watchroot.Root, l *executor.Lane) error {
	s.log.Info("operator's request", zap.String("verb", string(verb)), zap.String("lane", l.ID()))
	switch verb {
	case status.Resync:
		return l.FullSync(ctx, fullsync.Request{Mirror: true, Asker: fullsync.Person})
	case status.Verify:
		return l.FullSync(ctx, fullsync.Request{Verify: true, Done: s.verified(l, false)})
	case status.AcceptEmpty:
		if err := r.Accept(); err != nil {
			return err
		}
		s.stores.states.Ask(l.ID())
		// What is missing now is meant to be missing. Deletions that were seen as events wait in
		// the lanes; the others have to be found by a scan.
		if err := l.RetryNow(ctx); err != nil {
			return err
		}
		return r.Compare(ctx)
	case status.Pause, status.Resume:
		return l.Pause(ctx, verb == status.Pause)
	default:
		return fmt.Errorf("unknown request %q", verb)
	}
}

// verified returns the function that keeps and logs the result of a comparison, and whether it is
// repaired.
func (s *site) verified(l *executor.Lane, repair bool) func(fullsync.Result) {
	return func(r fullsync.Result) {
		v := status.Comparison{
			Time: time.Now(), Differing: len(r.Differing) + r.MoreDiffering, OnlyOnTarget: len(r.Extras) + r.MoreExtras,
			Newer: len(r.Newer), Names: first(r.Differing), NewerNames: first(r.Newer), Extras: first(r.Extras),
		}
		if r.Err != nil {
			v.Error = r.Err.Error()
			s.log.Warn("verify failed", zap.String("lane", l.ID()), zap.Error(r.Err))
		} else {
			s.log.Info("verified", zap.String("lane", l.ID()), zap.Int("differing", v.Differing), zap.Int("newer_on_remote", v.Newer), zap.Int("only_on_remote", v.OnlyOnTarget),
				zap.Strings("paths", v.Names), zap.Strings("newer", v.NewerNames), zap.Strings("extras", v.Extras))
		}
		v.Repair = repair && r.Err == nil && !v.Equal()
		s.daemon.verifies.Store(l.ID(), &v)
	}
}

// first returns the first names, as many as a comparison shows.
func first(names []string) []string { return names[:min(status.ComparisonNames, len(names))] }

// lastVerify is the lane's last comparison, nil before the first.
func (d *Daemon) lastVerify(lane string) *status.Comparison {
	v, _ := d.verifies.Load(lane)
	found, _ := v.(*status.Comparison)
	return found
}
