package carry

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/transport"
)

// rsync prints times of files in whole seconds, and two hosts that mirror each other write more
// often than that. To find out which of two versions of one second is the later one, rsync is run
// to set the remote's time on a sparse file of the same size in a scratch directory of this host:
// that file takes no room, and with --size-only no content is moved.

// fineMost bounds the files of one such run.
const fineMost = 10_000

// stamps makes such runs for one lane.
type stamps struct {
	way transport.Transport
	dir string // where scratch directories are made; empty: there is no place for them
	log *zap.Logger
}

// order finds out which copies of the same second are older than the files here. Where that cannot
// be found out it stays unknown; files about which the remote says nothing are silent.
func (t stamps) order(ctx context.Context, f outcome.Flight, run transport.Batch, suspects []suspect, a *copiesThere) (transport.Result, error) {
	var unknown []suspect
	for _, s := range suspects {
		c, ok := a.copies[s.Path]
		switch {
		case s.cause == byEvent && !f.Peer || !ok || c.Dir || !c.Mtime.Equal(s.Mtime.Truncate(time.Second)):
		case c.SameTime && f.Caps.ComparesNanoseconds():
			a.orders[s.Path] = sameTime
		case len(unknown) < fineMost:
			unknown = append(unknown, s)
		}
	}
	if len(unknown) == 0 || t.dir == "" {
		return transport.Result{}, nil
	}
	dir, err := t.scratch()
	if err != nil {
		t.log.Debug("unknown which of the files of one second are newer", zap.Error(err))
		return transport.Result{}, nil
	}
	defer os.RemoveAll(dir) //nolint:errcheck // what is left is removed at the next start
	var names []string
	for _, s := range unknown {
		size := a.copies[s.Path].Size
		if stampable(filepath.Join(dir, s.Path), size) == nil {
			names, run.MaxSize = append(names, s.Path), max(run.MaxSize, size, 1)
		}
	}
	result, err := t.stamp(ctx, f, run, names, dir)
	if err != nil || result.Class > transport.Again && result.Class != transport.Partly {
		return result, err
	}
	for _, s := range unknown {
		if st, err := os.Stat(filepath.Join(dir, s.Path)); err == nil {
			a.orders[s.Path] = orderOf(st.ModTime(), s.Mtime)
			if st.ModTime().Equal(noTime) {
				a.silent[s.Path] = true
			}
		}
	}
	return transport.Result{}, nil
}

// stamp runs rsync in the scratch directory.
func (t stamps) stamp(ctx context.Context, f outcome.Flight, run transport.Batch, names []string, dir string) (transport.Result, error) {
	trip, err := t.way.Do(ctx, transport.Call{Batch: run, Names: names, Start: f.Lease.Take, Scratch: dir})
	return trip.Result, err
}

func (t stamps) scratch() (string, error) {
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return "", err
	}
	return os.MkdirTemp(t.dir, "")
}

// noTime is the time of a scratch file on which the remote's time has not been set.
var noTime = time.Unix(1, 0)

// stampable makes a file of a size, without content.
func stampable(file string, size int64) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(file, size); err != nil {
		return err
	}
	return os.Chtimes(file, noTime, noTime)
}

// orderOf compares the time of a copy with that of the file here. If only one of the two is in
// whole seconds, its file system, or an rsync on the way, keeps no nanoseconds.
func orderOf(there, here time.Time) order {
	switch {
	case there.Equal(here):
		return sameTime
	case there.Equal(noTime), there.Nanosecond() == 0, here.Nanosecond() == 0:
		return unknownOrder
	case there.Before(here):
		return earlier
	default:
		return later
	}
}
