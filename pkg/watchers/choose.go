package watchers

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/fanotify"
	"github.com/sersync/sersync/pkg/fstree"
)

// Choice is what watches a tree, and why.
type Choice struct {
	Backend string // confxml.Inotify or confxml.Fanotify
	Why     string // empty: it was asked for
}

const (
	// many is the number of directories from which on a mark is worth it.
	many = 20_000
	// countTime bounds the counting: a tree that takes longer is large, or its disk
	// is slow, and then a walk to set watches is, too.
	countTime = 500 * time.Millisecond
)

// Choose chooses what watches the localpath, whose directory really is dir. It looks at
// the file system, and at the tree for half a second at most.
func Choose(ctx context.Context, local confxml.LocalPath, dir string, sw confxml.Switches) Choice {
	if local.Backend != confxml.Auto {
		return Choice{Backend: local.Backend}
	}
	if why := unable(dir, sw); why != nil {
		return Choice{confxml.Inotify, why.Cause}
	}
	mounts, err := fstree.ReadMounts()
	if err != nil {
		return Choice{confxml.Inotify, fmt.Sprintf("the mounts cannot be read (%v)", err)}
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return Choice{confxml.Inotify, err.Error()}
	}
	on := mounts.At(real)
	if !fanotify.Sees(on.FSType) {
		return Choice{confxml.Inotify, "fanotify was not tried on " + on.FSType}
	}
	if why := blindBelow(mounts, real); why != "" {
		return Choice{confxml.Inotify, why}
	}
	if on.Point == real {
		return Choice{confxml.Fanotify, "the directory is the root of its file system"}
	}
	switch n, all := count(ctx, dir); {
	case n > many:
		return Choice{confxml.Fanotify, fmt.Sprintf("the tree has more than %d directories", many)}
	case !all:
		return Choice{confxml.Fanotify, "the tree is too large to be counted in " + countTime.String()}
	default:
		return Choice{confxml.Inotify, fmt.Sprintf("the tree has %d directories", n)}
	}
}

// blindBelow names a file system mounted below dir on which fanotify does not see everything;
// empty: there is none.
func blindBelow(mounts fstree.Mounts, dir string) string {
	for _, m := range mounts.Below(dir) {
		top := m.Stacked[len(m.Stacked)-1]
		if !fanotify.Sees(top.FSType) {
			return fmt.Sprintf("fanotify does not see everything on %s, which is mounted at %s", top.FSType, m.Rel)
		}
		// A subvolume of btrfs is refused where it is mounted.
		var refusal *fanotify.RefusalError
		if err := fanotify.Check(filepath.Join(dir, m.Rel)); errors.As(err, &refusal) {
			return fmt.Sprintf("fanotify cannot watch what is mounted at %s (%s)", m.Rel, refusal.Cause)
		}
	}
	return ""
}

// count counts the directories of a tree, up to a few more than many; all tells that it
// has seen the whole of it.
func count(ctx context.Context, dir string) (n int64, all bool) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, true
	}
	defer unix.Close(fd)
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	var seen atomic.Int64
	err = fstree.Walk(ctx, fd, "", fstree.WalkOptions{Enter: func(*fstree.Dir) error {
		if seen.Add(1) > many {
			cancel()
		}
		return nil
	}})
	return seen.Load(), err == nil
}

// Unable says why a localpath cannot be watched by the back end that it asks for, and
// what to do; nil when it can. It looks at the directory and leaves nothing behind.
func Unable(local confxml.LocalPath, sw confxml.Switches) *fanotify.RefusalError {
	if local.Backend != confxml.Fanotify {
		return nil
	}
	return unable(local.Watch, sw)
}

func unable(dir string, sw confxml.Switches) *fanotify.RefusalError {
	if !sw.CreateFolder {
		return &fanotify.RefusalError{
			Cause:  "with createFolder off the directories that are made from now on are not watched, and fanotify cannot tell them from the others",
			Remedy: `write backend="inotify", or turn createFolder on`,
		}
	}
	err := fanotify.Check(dir)
	var refusal *fanotify.RefusalError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refusal):
		return refusal
	}
	return &fanotify.RefusalError{Cause: fmt.Sprintf("fanotify does not work here: %v", err), Remedy: `write backend="inotify"`}
}
