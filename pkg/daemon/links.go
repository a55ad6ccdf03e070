package daemon

import (
	"context"
	"maps"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/beneath"
	"github.com/sersync/sersync/pkg/walk"
)

// links finds the other names of files that were written through one of
// several hard links: the kernel reports the name that was opened only. Names
// are found by inode number, in a walk that needs no stat.
type links struct {
	root *root
	wake chan struct{} // capacity 1

	mu      sync.Mutex
	wanted  map[uint64]time.Time // inode numbers, and when the file was written
	looking time.Time            // the earliest of what is being looked for; zero: nothing is
	looked  map[uint64]time.Time // when each was last looked for
	// dropped are files written under names whose events are dropped, and when:
	// those of them that have other names are wanted.
	dropped map[string]time.Time
}

const (
	// linkShare is how many times longer than a walk took the next one waits:
	// a program that writes such files all day must not keep the disk busy.
	linkShare = 10
	// maxLinks bounds what is remembered of past looks, and of dropped events.
	maxLinks = 65_536
)

func newLinks(r *root) *links {
	return &links{root: r, wake: make(chan struct{}, 1), wanted: map[uint64]time.Time{}, looked: map[uint64]time.Time{}, dropped: map[string]time.Time{}}
}

// written asks for the other names of a file that changed at since. Lanes ask
// for the same file one after the other, and one walk answers all.
func (l *links) written(_, ino uint64, since time.Time) {
	l.mu.Lock()
	known := l.looked[ino].After(since)
	if !known {
		l.wantLocked(ino, since)
	}
	l.mu.Unlock()
	if !known {
		l.soon()
	}
}

func (l *links) wantLocked(ino uint64, since time.Time) {
	if at, ok := l.wanted[ino]; !ok || since.Before(at) {
		l.wanted[ino] = since
	}
}

// writtenAs is written for a name that goes to no lane, which nobody looks at.
func (l *links) writtenAs(path string) {
	l.mu.Lock()
	if _, known := l.dropped[path]; !known && len(l.dropped) < maxLinks {
		l.dropped[path] = time.Now()
	}
	l.mu.Unlock()
	l.soon()
}

// resolve looks at what was written under dropped names.
func (l *links) resolve() {
	l.mu.Lock()
	dropped := l.dropped
	l.dropped = map[string]time.Time{}
	l.mu.Unlock()
	if len(dropped) == 0 {
		return
	}
	opened := l.root.open()
	if opened == nil {
		return // its return is compared
	}
	defer opened.Close()
	looker := opened.Looker()
	defer looker.Close()
	for path, since := range dropped {
		if f := looker.Look(path); f.State == beneath.Present && f.Regular() && f.Stat.Nlink > 1 {
			l.mu.Lock()
			l.wantLocked(f.Stat.Ino, since)
			l.mu.Unlock()
		}
	}
}

func (l *links) soon() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// inherit takes over what the site before had not looked for.
func (l *links) inherit(old *links) {
	old.mu.Lock()
	defer old.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	for ino, since := range old.wanted {
		l.wantLocked(ino, since)
	}
	maps.Copy(l.dropped, old.dropped)
	l.soon()
}

// oldest is since when a name may be without its content on the targets. A
// watermark must not pass it: the time of such a file is older than that.
func (l *links) oldest() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest := l.looking
	for _, since := range l.wanted {
		if oldest.IsZero() || since.Before(oldest) {
			oldest = since
		}
	}
	for _, since := range l.dropped {
		if oldest.IsZero() || since.Before(oldest) {
			oldest = since
		}
	}
	return oldest
}

func (l *links) run(ctx context.Context) error {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-l.wake:
		}
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
		began := time.Now()
		l.look(ctx, began)
		pause.Reset(linkShare * time.Since(began))
	}
}

// look walks the tree once and marks every name of the wanted files.
func (l *links) look(ctx context.Context, now time.Time) {
	earliest := l.oldest()
	l.mu.Lock()
	l.looking = earliest
	l.mu.Unlock()
	l.resolve()
	l.mu.Lock()
	wanted := l.wanted
	l.wanted, l.looking = map[uint64]time.Time{}, earliest
	if len(l.looked) > maxLinks {
		clear(l.looked)
	}
	for ino := range wanted {
		l.looked[ino] = now
	}
	l.mu.Unlock()
	inodes := make(map[uint64]bool, len(wanted))
	for ino := range wanted {
		inodes[ino] = true
	}
	for _, name := range l.names(ctx, inodes) {
		for _, lane := range l.root.lanes {
			lane.Mark(name, 0)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looking = time.Time{}
	if ctx.Err() != nil { // not to the end
		for ino, since := range wanted {
			delete(l.looked, ino)
			l.wantLocked(ino, since)
		}
	}
}

// names finds every name of the files with these inode numbers.
func (l *links) names(ctx context.Context, inodes map[uint64]bool) (out []string) {
	opened := l.root.open()
	if opened == nil || len(inodes) == 0 {
		return nil
	}
	defer opened.Close()
	fd, err := unix.Openat(opened.FD(), ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		l.root.log.Warn("other names of a hard-linked file not looked for", zap.Error(err))
		return nil
	}
	defer func() { _ = unix.Close(fd) }()
	_ = walk.Tree(ctx, fd, "", walk.Options{Workers: 1, Entries: func(d *walk.Dir, batch []walk.Entry) {
		for _, e := range batch {
			if inodes[e.Ino] && e.Type != unix.DT_DIR {
				out = append(out, d.RelOf(string(e.Name)))
			}
		}
	}})
	return out
}
