package carry

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/fstree"
)

// NoneThere tells whether the target has none of the names. Only a clear answer counts: exit status
// 23, and none of them listed.
func (c *Carrier) NoneThere(ctx context.Context, f outcome.Flight, names []string) bool {
	suspects := make([]suspect, len(names))
	for i, n := range names {
		suspects[i].Path = n
	}
	a, result, err := c.versions.copies(ctx, f, suspects)
	return err == nil && len(a.copies) == 0 && (result.Exit == 23 || result.Exit == 24)
}

// TopEntries are some names of the watch root which the target has had since
// before the time given.
func (s *Scout) TopEntries(since time.Time) (names []string) {
	root := s.Planner.Open()
	if root == nil {
		return nil
	}
	defer root.Close()
	looker := root.Looker()
	defer looker.Close()
	fd, err := root.OpenList("")
	if err != nil {
		return nil
	}
	defer func() { _ = unix.Close(fd) }()
	for _, name := range readSome(fd, topNames) {
		if w := (plan.Work{Item: plan.Item{Path: name}, Found: looker.Look(name)}); w.Found.State == fstree.Present && !s.Planner.Unwanted(w) && disk.Stamp(w.Found.Stat.Ctim).Before(since) {
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

// topNames is how many entries of the watch root are looked for on the target.
const topNames = 32
