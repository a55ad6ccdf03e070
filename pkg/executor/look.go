package executor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/beneath"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/rsync"
	"github.com/sersync/sersync/pkg/walk"
)

// work is one claimed path, and what stood there when it was looked at.
type work struct {
	item
	found beneath.Found
	taken time.Time
	// entries replaces the path on the list: a tree that a filter forbids to
	// be handed to rsync as a whole, or one with few entries.
	entries []string
	// hidden: a directory that a filter excludes stands here, and what was
	// deleted under its name before is still to be deleted on the target.
	hidden bool
	// asked: what only the target has in this directory is asked for and named,
	// so that the run needs not delete inside.
	asked bool
	// guarded: gone here, and to lose on the target only what the patterns of a
	// full sync let go.
	guarded bool
	// held: the brake keeps what was deleted inside for now. The tree goes
	// without, and stays dirty.
	held bool
}

// deletesInside: a directory was deleted or moved away, and this one stands at
// its place: the target loses what is only there.
func (w work) deletesInside() bool {
	return w.Flags&filterqueue.Gone != 0 && !w.asked && w.entries == nil
}

// tree tells whether a flight of that kind brings all that is below the path.
func (w work) tree(kind int) bool {
	return w.Flags&filterqueue.Tree != 0 && (kind == kindTree || kind == kindSend)
}

// maxPath is the longest path that rsync takes from a list; it would cut a
// longer one short, and that names something else.
const maxPath = unix.PathMax - 64

func tooLong(path string) bool { return len(path) >= maxPath }

// takeAndSend takes what is dirty, looks at the disk, starts the small files at
// once and queues the rest by kind. hold is the slot for the small files.
func (l *Lane) takeAndSend(ctx context.Context, hold *lease) {
	now := time.Now()
	root := l.opt.Root()
	l.rootAgain = time.Time{}
	if root == nil {
		l.rootAgain = now.Add(time.Second)
		hold.release()
		return
	}
	defer root.Close()
	if l.blocked() {
		hold.release()
		return
	}
	items := l.dirty.Take(now, l.batch)
	l.listed = 0
	looker := root.Looker()
	l.deletions.begin(now)
	for _, it := range items {
		if it.Looked && !l.deletions.open {
			l.dirty.Return(it, l.deletions.next())
			continue
		}
		l.sort(root, looker, it, now)
	}
	l.deletions.end(now)
	looker.Close()
	sends, later := l.apart(l.queue[kindSend])
	l.queue[kindSend] = later
	if len(sends) == 0 {
		hold.release()
		if len(items) > 0 {
			l.dispatchQueued(ctx)
		}
		return
	}
	l.launch(ctx, kindSend, sends, hold)
	l.dispatchQueued(ctx)
}

func (l *Lane) dispatchQueued(ctx context.Context) {
	for k := kindTree; k < kindFull; k++ {
		l.startQueued(ctx, k)
	}
}

// sort looks at one path and gives it to the queue that fits, or settles it.
func (l *Lane) sort(root *beneath.Root, looker *beneath.Looker, it item, now time.Time) {
	// Not now, when the batch was begun: what was marked since is in it, and
	// who waits for a look after the mark would wait for ever.
	taken := time.Now()
	f := looker.Look(it.Path)
	w := work{item: it, found: f, taken: taken}
	if f.State == beneath.Present {
		delete(l.guarded.dirs, it.Path)
	}
	switch {
	case f.State == beneath.Unknown:
		l.fail(it, now, failure{reason: "cannot be looked at here", detail: f.Err.Error(), remedy: "let the user that runs sersync read it, or exclude it"})
	case f.State == beneath.Obstructed:
		// Behind a link, or below a file, nothing exists; what matters is the
		// obstacle itself.
		l.dirty.Drop(it, f.At, filterqueue.Content, now)
		l.settled(w, true)
	case f.State == beneath.Absent:
		l.absent(w, now)
	case l.unwanted(w):
		if l.hides(w) {
			w.hidden, w.entries = true, []string{w.Path}
			l.queue[kindDelete] = append(l.queue[kindDelete], w)
			return
		}
		l.clean(w)
	case tooLong(it.Path):
		l.fail(it, now, failure{reason: "the path is longer than rsync can take", remedy: "shorten or exclude it", lasting: true})
	default:
		l.present(root, w)
	}
}

// unwanted tells what is excluded, or what the user's parameters cannot carry.
func (l *Lane) unwanted(w work) bool {
	dir := w.found.Dir()
	if l.opt.Excluded != nil && l.opt.Excluded(w.Path, dir) {
		return true
	}
	p := l.opt.Target.Params
	if p.Rules.Excludes(w.Path, dir) || partial(w.Path) {
		return true
	}
	switch w.found.Stat.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		return !p.Links && !p.FollowLinks
	case unix.S_IFBLK, unix.S_IFCHR:
		return !p.Devices
	case unix.S_IFIFO, unix.S_IFSOCK:
		return !p.Specials
	default:
		return false
	}
}

// hides tells whether an excluded directory has taken the name of something
// that was not excluded, because the expression is about directories alone:
// "cache/" lets a file called cache through.
func (l *Lane) hides(w work) bool {
	return w.found.Dir() && w.Flags&filterqueue.Gone != 0 && l.opt.MayDelete && !l.state.caps.NoDelete &&
		l.opt.Held(w.Path, true) == "" && !l.excludes(w.Path, false)
}

// partial tells whether a path is, or lies in, a directory of partly arrived
// files: one that another host's sersync keeps in a tree it sends here.
func partial(path string) bool {
	return strings.Contains("/"+path+"/", "/"+rsync.PartialDir+"/")
}

func (l *Lane) present(root *beneath.Root, w work) {
	switch {
	case l.leadsIntoTree(root, w):
		w.Flags |= filterqueue.Tree
		l.queue[kindTree] = append(l.queue[kindTree], w)
	case !w.found.Dir():
		k := kindSend
		if w.found.Regular() && w.found.Stat.Nlink > 1 && w.Flags&filterqueue.Content != 0 && l.opt.Linked != nil {
			l.opt.Linked(w.found.Stat.Dev, w.found.Stat.Ino, w.Since)
		}
		if w.found.Regular() && w.found.Stat.Size > bigFile {
			k = kindBig
		}
		l.queue[k] = append(l.queue[k], w)
	case l.opt.MayDelete && !l.state.caps.NoDelete && (w.Flags&filterqueue.Extras != 0 || l.replaced(w)):
		l.queue[kindSurvey] = append(l.queue[kindSurvey], w)
	case w.Flags&filterqueue.Tree != 0:
		if l.listsTrees() {
			var err error
			if w.entries, err = l.entries(root, w.Path); err != nil {
				l.unlisted(w.item, err, w.taken)
				return
			}
		} else if names := l.few(root, w); names != nil {
			w.entries = names
			l.queue[kindSend] = append(l.queue[kindSend], w)
			return
		}
		l.queue[kindTree] = append(l.queue[kindTree], w)
	default:
		l.queue[kindSend] = append(l.queue[kindSend], w)
	}
}

// leadsIntoTree: a link to a directory that the parameters follow is a directory
// there, with all below it. rsync knows nothing of the filter's expressions, so
// where one is on nothing behind a link is sent.
func (l *Lane) leadsIntoTree(root *beneath.Root, w work) bool {
	if !w.found.Symlink() || !l.opt.Target.Params.FollowLinks || l.listsTrees() {
		return false
	}
	var st unix.Stat_t
	return unix.Stat(root.WorkingDir()+"/"+w.Path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// replaced: a directory was deleted or moved away, and another one stands at
// its place. A run that names every entry deletes nothing that the old one had.
func (l *Lane) replaced(w work) bool {
	const both = filterqueue.Tree | filterqueue.Gone
	return l.listsTrees() && w.Flags&both == both
}

// listsTrees: rsync knows nothing of the filter's expressions, so where one is
// on every entry is named.
func (l *Lane) listsTrees() bool { return l.opt.Excluded != nil }

// entriesNow is entries for a run that has no root open.
func (l *Lane) entriesNow(path string) ([]string, error) {
	root := l.opt.Root()
	if root == nil {
		return nil, errRootGone
	}
	defer root.Close()
	return l.entries(root, path)
}

// entries lists a tree, the directory itself included, without what is
// excluded. What cannot be listed in it, and what is too long, is made dirty and
// fails by its own name.
func (l *Lane) entries(root *beneath.Root, path string) ([]string, error) {
	names := []string{}
	if path != "" {
		names = append(names, path)
	}
	fd, err := openDir(root, path)
	if err != nil && walk.Vanished(err) {
		return names, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	now := time.Now()
	opt := walk.Options{
		Workers: 1,
		Descend: func(d *walk.Dir, name string) bool {
			rel := d.RelOf(name)
			return !tooLong(rel) && !l.excludes(rel, true)
		},
		Entries: func(d *walk.Dir, batch []walk.Entry) {
			for _, e := range batch {
				switch rel := d.RelOf(string(e.Name)); {
				case l.excludes(rel, e.Type == unix.DT_DIR):
				case tooLong(rel):
					l.dirty.Mark(rel, 0, now)
				default:
					names = append(names, rel)
				}
			}
		},
		Error: func(d *walk.Dir, name string, failed error) {
			switch {
			case name != "":
				l.dirty.Mark(d.RelOf(name), filterqueue.Tree, now)
			case d.Parent != nil:
				l.dirty.Mark(d.Rel(), filterqueue.Tree, now)
			default:
				err = fmt.Errorf("list %q: %w", path, failed)
			}
		},
	}
	if lost := walk.Tree(context.Background(), fd, path, opt); lost != nil {
		err = lost
	}
	return names, err
}

func (l *Lane) excludes(path string, dir bool) bool {
	return l.opt.Excluded != nil && l.opt.Excluded(path, dir) || l.opt.Target.Params.Rules.Excludes(path, dir) || partial(path)
}

// unlisted gives back a directory whose entries could not be named.
func (l *Lane) unlisted(it item, err error, now time.Time) {
	if errors.Is(err, errRootGone) {
		l.dirty.Return(it, time.Time{})
		return
	}
	l.fail(it, now, failure{reason: "cannot be listed here", detail: err.Error(), remedy: "let the user that runs sersync read it, or exclude it"})
}

// openDir opens a directory for listing, beneath the root and behind no link.
func openDir(root *beneath.Root, path string) (int, error) {
	fd, err := root.OpenDir(path)
	if err != nil {
		return -1, err
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

const refusedRemedy = "take delete out of refuse options, or set <delete start=\"false\"/>"

// absent handles a path whose absence our own lookup has shown.
func (l *Lane) absent(w work, now time.Time) {
	it := w.item
	w.guarded = l.guarded.dirs[it.Path]
	switch {
	case !l.opt.MayDelete, len(w.found.At) >= unix.PathMax: // such a path never arrived
		l.clean(w)
	case w.found.At != it.Path:
		if w.guarded {
			delete(l.guarded.dirs, it.Path)
			l.guard(w.found.At, l.guarded.patterns, l.causes[it.Path], now)
		}
		l.dirty.Drop(it, w.found.At, it.Flags|filterqueue.Gone|filterqueue.Tree, now)
	case !it.Looked:
		it.Looked = true
		l.deletions.seen(now)
		l.dirty.Return(it, now.Add(secondLook))
	case l.opt.Held(it.Path, true) != "":
		l.log.Debug("deletion held", zap.String("path", it.Path), zap.String("reason", l.opt.Held(it.Path, true)))
		l.dirty.Return(it, now.Add(laneWait(20)))
	case l.state.caps.NoDelete:
		l.fail(it, now, failure{reason: "the daemon refuses deletions", remedy: refusedRemedy})
	default:
		l.deletions.used = true
		l.deletable(w)
	}
}

// deletable handles a path that may be deleted on the target.
func (l *Lane) deletable(w work) {
	it := w.item
	switch {
	case l.spared(candidate{it.Path, true}) && !l.spared(candidate{it.Path, false}):
		// An expression about directories alone: what was deleted, and what the
		// target has, may have been a file of that name, or not.
		l.queue[kindSurvey] = append(l.queue[kindSurvey], w)
	case l.spared(candidate{it.Path, it.Flags&filterqueue.Tree != 0}):
		l.clean(w)
	case (l.opt.Excluded != nil || l.opt.Target.Params.Rules.Any() || w.guarded) && it.Flags&filterqueue.Tree != 0 && !partial(it.Path):
		// A directory may hold what a filter keeps: ask the target.
		l.queue[kindSurvey] = append(l.queue[kindSurvey], w)
	default:
		l.queue[kindDelete] = append(l.queue[kindDelete], w)
	}
}

// clean settles a path that needs no run. A full sync may bring it over yet: it
// has listed what stood here when it began.
func (l *Lane) clean(w work) {
	l.touch(w, l.full.ends, time.Now())
	l.dirty.Done(w.item)
	l.settled(w, true)
}

func (l *Lane) settled(w work, ok bool) {
	if ok {
		delete(l.guarded.dirs, w.Path)
	}
	if l.opt.Settled != nil {
		l.opt.Settled(w.Path, w.Flags&filterqueue.Tree != 0, ok, w.taken)
	}
}
