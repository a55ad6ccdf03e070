package executor

import (
	"context"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/beneath"
)

// A target that was rebuilt, or whose disk is not mounted, answers as if
// nothing had happened and is empty. To send everything again by itself could
// fill the disk below a missing mount, so the lane says so and waits for a
// person, while changes go on flowing.

// topNames is how many entries of the watch root are looked for on the target.
const topNames = 32

// suspectRebuilt looks at the target's top level after an outage or a restart.
func (l *Lane) suspectRebuilt(ctx context.Context) {
	since := l.topSince
	if since.IsZero() {
		return
	}
	l.topSince = time.Time{}
	f := flight{caps: l.state.caps}
	l.runs.Go(func() {
		empty := false
		if names := l.topEntries(since); len(names) > 0 && !f.caps.NoList && l.opt.Slots.Acquire(ctx) == nil {
			empty = l.noneThere(ctx, f, names)
			l.opt.Slots.Release()
		}
		select {
		case l.requests <- request{lost: empty}:
		case <-ctx.Done():
		}
	})
}

// noneThere asks the target for the names. Only a clear answer counts: exit
// status 23 and not one of them listed.
func (l *Lane) noneThere(ctx context.Context, f flight, names []string) bool {
	suspects := make([]suspect, len(names))
	for i, n := range names {
		suspects[i].path = n
	}
	times, result := l.times(ctx, f, suspects)
	return len(times) == 0 && (result.Exit == 23 || result.Exit == 24)
}

// topEntries are some names of the watch root which the target has had since
// before the time given.
func (l *Lane) topEntries(since time.Time) (names []string) {
	root := l.opt.Root()
	if root == nil {
		return nil
	}
	defer root.Close()
	looker := root.Looker()
	defer looker.Close()
	fd, err := openDir(root, "")
	if err != nil {
		return nil
	}
	defer func() { _ = unix.Close(fd) }()
	for _, name := range readSome(fd, topNames) {
		if w := (work{item: item{Path: name}, found: looker.Look(name)}); w.found.State == beneath.Present && !l.unwanted(w) && stamp(w.found.Stat.Ctim).Before(since) {
			names = append(names, name)
		}
	}
	return names
}

// readSome lists some entries of a directory.
func readSome(fd, most int) (names []string) {
	buf := make([]byte, 16<<10)
	n, err := unix.ReadDirent(fd, buf)
	if err != nil {
		return nil
	}
	_, _, names = unix.ParseDirent(buf[:n], most, nil)
	return names
}

// targetLost shows that the target has to be looked after.
func (l *Lane) targetLost() {
	l.log.Warn("the target has lost what was there, changes go on flowing", zap.String("remedy", rebuiltRemedy))
	l.Degrade("the target is empty although it was in sync: rebuilt, or its disk is not mounted", rebuiltRemedy)
}

const rebuiltRemedy = "mount the target's disk, or send everything again: sersync --resync LANE"
