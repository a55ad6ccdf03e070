package session

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

// PruneVersions deletes the old versions on the remote whose time is over: it asks for the days,
// and has the old ones deleted by their names, which it returns. Like Do it may be called from any
// number of goroutines.
func (s *Session) PruneVersions(ctx context.Context, now time.Time) (deleted []string, err error) {
	v := s.opt.Target.Versions
	if v.Dir == "" {
		return nil, nil
	}
	var days []string
	ask := s.run(transport.Batch{Kind: transport.Times})
	if err := about(ctx, s, ask, rsync.Run.ListArgs, func(line []byte) {
		if day, ok := rsync.ParseDay(line); ok {
			days = append(days, day)
		}
	}, 0, noDirectory); err != nil {
		return nil, fmt.Errorf("list the old versions in %s: %w", v.Dir, err)
	}
	old := v.Old(days, now)
	if len(old) == 0 {
		return nil, nil
	}
	run := s.run(transport.Batch{Kind: transport.Full})
	args := func(r rsync.Run) []string { return r.PruneArgs(old) }
	if err := about(ctx, s, run, args, func([]byte) {}, 0); err != nil {
		return nil, fmt.Errorf("delete old versions in %s: %w", v.Dir, err)
	}
	for _, day := range old {
		deleted = append(deleted, v.Dir+"/"+day)
	}
	return deleted, nil
}

// noDirectory is the exit status of a question about a directory that is not there.
const noDirectory = 23

// about carries one run that lists or deletes old versions; an exit status that is not in good is
// an error.
func about(ctx context.Context, s *Session, run rsync.Run, args func(rsync.Run) []string, line func([]byte), good ...int) error {
	if !s.masterStands(ctx) {
		if err := s.connects.runs.Wait(ctx); err != nil {
			return err
		}
	}
	p, err := s.startWith(ctx, run, args, []byte{}, line)
	if err != nil {
		return err
	}
	ended := p.Wait()
	if slices.Contains(good, ended.Exit) {
		return nil
	}
	r := rsync.Classify(run, s.opt.Dir, ended, nil)
	return fmt.Errorf("rsync: %s (status %d)", r.Reason, ended.Exit)
}

// leftAlone finds files that a run has not replaced although it has listed them as sent: a receiver
// before 3.1.3 that cannot keep an old version leaves the file unchanged and reports nothing. Where
// the remote may have such a one, a comparison follows the run.
func leftAlone(ctx context.Context, s *Session, c *transport.Call, t *transport.Trip, replaced bool) error {
	release, _ := s.known.Load().(string)
	if !replaced || t.Result.Class > transport.Again || !s.run(c.Batch).Silent(release) {
		return nil
	}
	check := transport.Call{Batch: c.Batch, Names: c.Names, Whole: c.Whole}
	check.Batch.Verify, check.Batch.Contents, check.Batch.Progress = true, false, false
	var left []string
	check.Changed = func(change transport.Change) {
		if change.Sent && !change.Dir && !change.OnlyTime {
			left = append(left, change.Path)
		}
	}
	compared, err := s.cold(ctx, &check)
	if err != nil || compared.Result.Class > transport.Again {
		t.Result, t.Ended = compared.Result, compared.Ended
		return err
	}
	for _, path := range left {
		s.opt.Target.KeptOut(&t.Result, path)
	}
	return nil
}
