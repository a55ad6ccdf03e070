package hardlinks

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/fstree"
)

// learnAll looks at the places that were named, until ctx ends.
func (l *Links) learnAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wakeLearn:
		}
		l.learn(ctx)
	}
}

// learn looks at the places that wait now.
func (l *Links) learn(ctx context.Context) {
	l.mu.Lock()
	places := l.places
	l.places = map[string]place{}
	for _, p := range places {
		l.learning = earlier(l.learning, p.since)
	}
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.learning = time.Time{}
		l.mu.Unlock()
	}()
	root := l.opt.Root()
	if root == nil {
		return // when the root is back, the whole tree is compared and looked at
	}
	defer root.Close()
	paths := make([]string, 0, len(places))
	for path := range places {
		paths = append(paths, path)
	}
	slices.Sort(paths) // neighbours together, a directory before what it holds
	looker := root.Looker()
	defer looker.Close()
	for _, path := range paths {
		p := places[path]
		switch {
		case ctx.Err() != nil:
			l.mu.Lock()
			l.placeLocked(path, p)
			l.mu.Unlock()
		case p.tree && covered(path, p, places):
		case p.tree:
			l.learnTree(ctx, root, path, p)
		default:
			if f := looker.Look(path); f.State == fstree.Present && f.Regular() && f.Stat.Nlink > 1 {
				l.learnName(root, path, p)
			}
		}
	}
}

// covered tells whether a directory above path is looked at as well, from as
// early a time on.
func covered(path string, p place, places map[string]place) bool {
	for path != "" {
		path = path[:max(0, strings.LastIndexByte(path, '/'))]
		if above, ok := places[path]; ok && above.tree && !above.since.After(p.since) {
			return true
		}
	}
	return false
}

// learnName looks at one file.
func (l *Links) learnName(root *fstree.Root, path string, p place) {
	parent, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		parent, name = path[:i], path[i+1:]
	}
	dir, err := root.OpenDir(parent)
	if err != nil {
		return // its deletion has an event
	}
	defer func() { _ = unix.Close(dir) }()
	l.watch(dir, name, path, p)
}

// learnTree looks at all files below a directory.
func (l *Links) learnTree(ctx context.Context, root *fstree.Root, path string, p place) {
	dir, err := root.OpenDir(path)
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(dir) }()
	fd, err := fstree.OpenIn(dir, ".")
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(fd) }()
	if path == "" {
		l.mu.Lock()
		l.round++
		l.mu.Unlock()
	}
	err = fstree.Walk(ctx, fd, path, fstree.WalkOptions{
		Workers: 1,
		Entries: func(d *fstree.Dir, batch []fstree.Entry) {
			for i := range batch {
				if batch[i].Type != unix.DT_REG {
					continue
				}
				name := string(batch[i].Name)
				var st unix.Stat_t
				if unix.Fstatat(d.FD, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Nlink > 1 {
					l.watch(d.FD, name, d.RelOf(name), p)
				}
			}
		},
		Descend: func(d *fstree.Dir, name string) bool { return !l.opt.Skip(d.RelOf(name), true) },
	})
	switch {
	case err != nil && ctx.Err() != nil:
		l.mu.Lock()
		l.placeLocked(path, p)
		l.mu.Unlock()
	case path == "":
		l.sweep()
	}
}

// sweep has the files looked for that the look at the whole tree has not found.
func (l *Links) sweep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, e := range l.known {
		if e.round != l.round {
			l.wantLocked(id, want{})
		}
	}
}

// watch watches the file of several names at name in dir, and has its names looked for if its
// content has changed since, for before it was watched there was no event.
func (l *Links) watch(dir int, name, path string, p place) {
	fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink < 2 {
		return
	}
	id := idOf(&st)
	fresh := l.add(fd, id, path)
	// The content and the number of names are read after the watch was set: later changes have
	// events.
	if unix.Fstat(fd, &st) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	changed := p.written || !time.Unix(st.Mtim.Unix()).Before(p.since.Add(-clockGrain))
	if fresh && (changed || st.Nlink < 2) {
		l.wantLocked(id, want{since: p.since, changed: changed})
	}
}

// add watches a file; false when it is watched already, or cannot be.
func (l *Links) add(fd int, id fsevent.FileID, path string) (fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.known[id]; e != nil {
		e.path, e.round, e.leaving = path, l.round, false
	} else if len(l.known) >= mostFiles {
		l.refuseLocked(path, errors.New("so many files with several names are not watched one by one"))
		return false
	}
	if l.files == nil {
		files, err := l.opt.Files(l.opt.Switches.Modify)
		if err != nil {
			l.refuseLocked(path, err)
			return false
		}
		l.files = files
		wake(l.opened)
	}
	fresh, err := l.files.Watch(fd, id)
	if err != nil {
		l.refuseLocked(path, err)
		return false
	}
	if fresh {
		l.known[id] = &entry{path: path, round: l.round}
	}
	return fresh
}

func (l *Links) refuseLocked(path string, err error) {
	if !l.refused {
		l.log.Warn("a file with several names cannot be watched by its inode: when it is written through a name that is then removed, its other names are updated by the self-check only",
			zap.String("path", path), zap.Error(err))
	}
	l.refused = true
}
