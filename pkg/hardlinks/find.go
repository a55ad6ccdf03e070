package hardlinks

import (
	"context"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/fstree"
)

const (
	// walkShare: after a walk the next one waits this many times as long as the walk took, so that
	// a program which writes such files all day does not keep the disk busy.
	walkShare = 10
	// mostLooked bounds how many past looks are remembered.
	mostLooked = 65_536
)

// findAll looks for the names of files that changed, until ctx ends.
func (l *Links) findAll(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wakeFind:
		}
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		began := time.Now()
		l.find(ctx, began)
		pause.Reset(walkShare * time.Since(began))
	}
}

// find marks the names of all files that are wanted now, and stops watching those that have only
// one name left.
func (l *Links) find(ctx context.Context, now time.Time) {
	wanted := l.take(now)
	root := l.opt.Root()
	if root == nil {
		l.found() // when the root is back, everything is compared
		return
	}
	defer root.Close()
	for id, w := range wanted {
		if !w.changed && l.settle(root, id) {
			delete(wanted, id)
		}
	}
	if len(wanted) > 0 {
		names := l.names(ctx, root, wanted)
		for id, w := range wanted {
			l.mark(w, names[id])
			if ctx.Err() == nil {
				l.remember(root, id, names[id])
			}
		}
	}
	if ctx.Err() != nil { // the walk was not finished
		l.mu.Lock()
		for id, w := range wanted {
			delete(l.looked, id)
			l.wantLocked(id, w)
		}
		l.mu.Unlock()
	}
	l.found()
}

func (l *Links) take(now time.Time) map[fsevent.FileID]want {
	l.mu.Lock()
	defer l.mu.Unlock()
	wanted := l.wanted
	l.wanted = map[fsevent.FileID]want{}
	if len(l.looked) > mostLooked {
		clear(l.looked)
	}
	for id, w := range wanted {
		if w.changed {
			l.looked[id] = now
			l.finding = earlier(l.finding, w.since)
		}
	}
	return wanted
}

func (l *Links) found() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.finding = time.Time{}
}

func (l *Links) mark(w want, names []string) {
	if !w.changed {
		return
	}
	for _, name := range names {
		if !l.opt.Skip(name, false) {
			l.opt.Mark(name, w.flags)
		}
	}
}

// settle looks at a file that has lost a name, at the path where it was last seen. It is true when
// nothing more has to be found out about the file.
func (l *Links) settle(root *fstree.Root, id fsevent.FileID) bool {
	l.mu.Lock()
	e := l.known[id]
	path := ""
	if e != nil {
		path = e.path
	}
	l.mu.Unlock()
	if e == nil {
		return true
	}
	looker := root.Looker()
	defer looker.Close()
	f := looker.Look(path)
	if f.State != fstree.Present || idOf(&f.Stat) != id {
		return false
	}
	l.remember(root, id, []string{path})
	return true
}

// remember notes where a watched file is. It stops watching a file that has no name in the tree,
// and a file that has only one name and is not open for writing.
func (l *Links) remember(root *fstree.Root, id fsevent.FileID, names []string) {
	alone := len(names) == 0 || len(names) == 1 && filterqueue.OnlyName(root.FD(), names[0], id.Dev, id.Ino)
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.known[id]
	switch {
	case e == nil || e.leaving:
	case alone:
		l.forgetLocked(id)
	default:
		e.path = names[0]
	}
}

func (l *Links) forgetLocked(id fsevent.FileID) {
	if e := l.known[id]; e != nil && l.files != nil {
		e.leaving = true // until the reader has seen the end of the watch
		l.files.Forget(id)
	}
}

// names finds every name of the wanted files.
func (l *Links) names(ctx context.Context, root *fstree.Root, wanted map[fsevent.FileID]want) map[fsevent.FileID][]string {
	inodes := make(map[uint64]bool, len(wanted))
	for id := range wanted {
		inodes[id.Ino] = true
	}
	out := map[fsevent.FileID][]string{}
	l.visit(ctx, root, inodes, func(dir int, name, rel string) {
		var st unix.Stat_t
		if unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
			return
		}
		id := idOf(&st)
		if _, ok := wanted[id]; ok { // another file system has such inode numbers, too
			out[id] = append(out[id], rel)
		}
	})
	return out
}

func idOf(st *unix.Stat_t) fsevent.FileID { return fsevent.FileID{Dev: st.Dev, Ino: st.Ino} }

// Names finds every name of the files with these inode numbers.
func (l *Links) Names(ctx context.Context, inodes map[uint64]bool) (out []string) {
	root := l.opt.Root()
	if root == nil || len(inodes) == 0 {
		return nil
	}
	defer root.Close()
	l.visit(ctx, root, inodes, func(_ int, _, rel string) { out = append(out, rel) })
	return out
}

// visit walks the tree and visits every entry that has one of these inode numbers; no other entry
// is looked at.
func (l *Links) visit(ctx context.Context, root *fstree.Root, inodes map[uint64]bool, visit func(dir int, name, rel string)) {
	fd, err := fstree.OpenIn(root.FD(), ".")
	if err != nil {
		l.log.Warn("cannot look for the other names of a hard-linked file", zap.Error(err))
		return
	}
	defer func() { _ = unix.Close(fd) }()
	_ = fstree.Walk(ctx, fd, "", fstree.WalkOptions{Workers: 1, Entries: func(d *fstree.Dir, batch []fstree.Entry) {
		for _, e := range batch {
			if inodes[e.Ino] && e.Type != unix.DT_DIR {
				name := string(e.Name)
				visit(d.FD, name, d.RelOf(name))
			}
		}
	}})
}
