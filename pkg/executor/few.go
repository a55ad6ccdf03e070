package executor

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/beneath"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/walk"
)

// fewEntries is up to how many entries a tree goes with the single files, one
// by one: a new directory with what is in it needs no run of its own, and finds
// the standby.
const fewEntries = 256

// few lists a small tree, the directory itself first; nil when it has to go as
// a tree: it is not small, or what is in it needs more than a name on a list.
func (l *Lane) few(root *beneath.Root, w work) []string {
	p := l.opt.Target.Params
	if w.Path == "" || w.Flags&filterqueue.Gone != 0 || p.HardLinks || p.Rules.Any() || l.listed >= maxBatch {
		return nil
	}
	fd, err := openDir(root, w.Path)
	if err != nil {
		return nil
	}
	defer func() { _ = unix.Close(fd) }()
	if l.listing == nil {
		l.listing = make([]byte, 32<<10)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	names := []string{w.Path}
	err = walk.Tree(ctx, fd, w.Path, walk.Options{
		Workers: 1, Buffer: l.listing,
		Entries: func(d *walk.Dir, batch []walk.Entry) {
			for _, e := range batch {
				rel := d.RelOf(string(e.Name))
				if len(names) > fewEntries || !l.plain(d.FD, e, rel) {
					stop()
					return
				}
				names = append(names, rel)
			}
		},
		Error: func(*walk.Dir, string, error) { stop() }, // rsync says which and why
	})
	if err != nil {
		return nil
	}
	l.listed += len(names)
	return names
}

// plain tells whether an entry of a small tree can go with the single files.
func (l *Lane) plain(dirfd int, e walk.Entry, rel string) bool {
	if tooLong(rel) || partial(rel) {
		return false
	}
	if e.Type == unix.DT_DIR {
		return true
	}
	if e.Type == unix.DT_LNK {
		return !l.opt.Target.Params.FollowLinks // there may be a tree behind it
	}
	var st unix.Stat_t
	return e.Type == unix.DT_REG && unix.Fstatat(dirfd, string(e.Name), &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Size <= bigFile
}
