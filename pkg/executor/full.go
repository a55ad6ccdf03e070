package executor

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/beneath"
	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/rsync"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/walk"
)

// Full describes a full sync: everything is sent, nothing deleted; then the
// target is asked what only it has, each candidate is looked up here again,
// and what is really gone becomes dirty. rsync's own --delete in a long run
// would remove what is pushed meanwhile.
type Full struct {
	// Mirror says that the user asked for it (-r, crontab, --resync): it may
	// delete, and when it has completed automatic repairs may, too.
	Mirror bool
	// Unknown says that nothing is known of the target any more: until the full
	// sync has completed there is no watermark.
	Unknown bool
	// Verify compares only and changes nothing.
	Verify bool
	// Excludes are rsync patterns of crontabfilter.
	Excludes []string
	// Done is told how it ended; may be nil. It must not block.
	Done func(FullResult)
}

// FullResult is what a full sync did.
type FullResult struct {
	Err        error
	Files      int
	Bytes      int64
	OnlyThere  int      // entries only the target has
	Differing  []string // Verify: paths that differ, sorted, at most some thousand
	Unreadable int
}

// fullSync is the lane's full sync, if any. Owned by the loop.
type fullSync struct {
	want    *Full
	running bool
	next    time.Time // no earlier try
	sent    bool      // everything has been sent; what only the target has is to be asked
	attempt int
	// touched are the paths that ordinary runs brought over meanwhile: the
	// full sync may have overwritten them with what it had read before.
	touched *filterqueue.Dirty
	again   []*Full // asked for meanwhile
	ends    uint64  // how many have ended
	stop    context.CancelFunc
}

func (f *fullSync) cancel() {
	if f.stop != nil {
		f.stop()
	}
}

// fullTries bounds the tries of one full sync that fails in itself; an outage
// does not count. What it could not send stays dirty by name.
const fullTries = 5

// fullPause is the wait between further tries of such a full sync: each costs
// a comparison of the whole tree.
const fullPause = time.Minute

// startFull starts the full sync that is wanted. It runs beside ordinary runs.
func (l *Lane) startFull(ctx context.Context, now time.Time) {
	if l.full.want == nil || l.full.running || now.Before(l.full.next) {
		return
	}
	l.full.running, l.full.next = true, time.Time{}
	l.full.touched = filterqueue.NewDirty()
	if !l.full.want.Verify {
		l.Suspect(now) // it may overwrite what is sent meanwhile with what it read before
	}
	ctx, l.full.stop = context.WithCancel(ctx)
	l.busy[kindFull]++
	l.setProgress(&status.Progress{})
	f := flight{kind: kindFull, caps: l.state.caps}
	want, sent := *l.full.want, l.full.sent
	l.runs.Go(func() {
		o := outcome{flight: f, err: context.Canceled}
		if l.slot(ctx) == nil {
			o = l.fullSyncRun(ctx, f, want, sent)
			l.opt.Slots.Release()
		}
		l.outcomes <- o
	})
}

// fullSyncRun sends everything, then asks for what only the target has.
func (l *Lane) fullSyncRun(ctx context.Context, f flight, want Full, sent bool) outcome {
	o := outcome{flight: f, began: time.Now(), changed: map[string]rsync.Change{}, sentAll: sent}
	if !sent {
		l.sendAll(ctx, &o, want)
		if o.err != nil || o.result.Class > rsync.Again {
			return o
		}
		o.sentAll = !o.result.Unclear
	}
	if f.caps.NoDelete || !l.opt.MayDelete && !l.opt.Target.Params.Deletes && !want.Verify {
		return o // nobody may delete, or ask
	}
	result := o.result
	ask := l.base(rsync.Survey, f.caps)
	ask.Excludes = want.Excludes
	l.question(ctx, ask, []byte{}, &o)
	if o.err == nil && o.result.Class <= rsync.Again {
		result.Unclear = result.Unclear || o.result.Unclear
		o.result = result
		return o
	}
	o.unsent = slices.Concat(result.Failed, result.Races)
	return o
}

// sendAll is the first half of a full sync.
func (l *Lane) sendAll(ctx context.Context, o *outcome, want Full) {
	run := l.base(rsync.Full, o.flight.caps)
	run.Excludes, run.Verify, run.Resume = want.Excludes, want.Verify, !want.Verify
	run.LiftUpdate = want.Verify // a copy that is newer there differs, too
	// An empty list: rsync goes down the tree by itself.
	list := []byte{}
	if l.listsTrees() {
		// rsync knows nothing of the filter: name every entry.
		run.Kind = rsync.Send
		names, err := l.entriesNow("")
		if err != nil {
			o.err = err
			return
		}
		list = run.List(names)
	}
	o.run = run
	reader := newReader(o)
	progress := status.Progress{}
	reader.each = func(c rsync.Change) {
		progress.Done, progress.Bytes = progress.Done+1, progress.Bytes+c.Size
		l.setProgress(&progress)
		// The time of a directory is that of the last change in it, which
		// ordinary runs need not carry.
		if want.Verify && !(c.Dir && c.OnlyTime) && len(o.changed) < maxChanges {
			o.changed[c.Path] = c
		}
	}
	p, err := l.connect(ctx, run, list, reader.line)
	if err != nil {
		o.err = err
		return
	}
	o.argv = p.Argv
	l.read(p, reader, o)
}

// fullEnded takes the result of a full sync into the lane.
func (l *Lane) fullEnded(o outcome, now time.Time) {
	want := l.full.want
	l.full.running = false
	l.full.ends++
	l.full.stop()
	l.setProgress(nil)
	l.touchAgain(now)
	if !want.Verify {
		l.Settled()
	}
	switch {
	case o.err != nil || o.result.Class > rsync.Again:
		if !want.Verify && l.failedInFull(o.unsent, now) {
			l.owe(time.Time{})
		}
		l.fullFailed(o, now)
		return
	case o.result.Unclear && l.full.attempt+1 < fullTries: // nobody knows what is missing
		l.succeeded(o, now)
		l.fullFailed(o, now)
		return
	case want.Verify:
		l.succeeded(o, now)
	case l.rootGone(): // no candidate could be looked up
		o.err = errRootGone
		l.fullFailed(o, now)
		return
	default:
		l.succeeded(o, now)
		failed := l.failedInFull(slices.Concat(o.result.Failed, o.result.Races), now)
		marked := l.deleteExtras(o.extras, (want.Mirror || l.mirrored()) && l.deletes(), want.Excludes, causeOf(want), now)
		if marked && o.cut {
			l.full.again = append(l.full.again, &Full{Mirror: want.Mirror, Excludes: want.Excludes}) // for the rest
		}
		if marked || failed {
			l.owe(time.Time{}) // that may be of any age
		}
		// Never clear: entry by entry it is found, and stays dirty by its name.
		if o.result.Unclear && !o.sentAll && len(want.Excludes) == 0 && l.unfold("", 0, now) {
			l.owe(time.Time{})
		}
		l.fullDone(want)
	}
	l.recorder.Run(now, true)
	l.full.want, l.full.attempt, l.full.sent = nil, 0, false
	if len(l.full.again) > 0 {
		l.full.want, l.full.again = l.full.again[0], l.full.again[1:]
	}
	l.log.Info("full sync done", zap.Bool("mirror", want.Mirror), zap.Bool("verify", want.Verify), zap.Int("files", o.files),
		zap.Int64("bytes", o.sent), zap.Int("only_on_target", len(o.extras)), zap.Duration("took", o.ended.Sub(o.began)))
	if want.Done != nil {
		r := FullResult{Files: o.files, Bytes: o.sent, Unreadable: len(o.result.Failed)}
		for _, c := range o.extras {
			if !l.spared(c) {
				r.OnlyThere++
			}
		}
		r.Differing = slices.Sorted(maps.Keys(o.changed))
		if want.Verify && o.result.Unclear {
			r.Err = outcomeError(o) // what could not be compared may differ
		}
		want.Done(r)
	}
}

// deletes tells whether the user wants deletions at all: the switch, or a
// --delete of his own among the parameters for full syncs.
func (l *Lane) deletes() bool { return l.opt.MayDelete || l.opt.Target.Params.Deletes }

func (l *Lane) fullDone(want *Full) {
	l.mu.Lock()
	l.state.complete, l.state.degraded = true, note{}
	l.state.mirrored = l.state.mirrored || want.Mirror && l.deletes()
	if want.Mirror {
		l.state.onlyThere = 0
	}
	l.mu.Unlock()
	l.save()
}

// touchAgain makes dirty again what was pushed during the full sync.
func (l *Lane) touchAgain(now time.Time) {
	for {
		items := l.full.touched.Take(now, maxBatch)
		if len(items) == 0 {
			break
		}
		for _, it := range items {
			l.dirty.Mark(it.Path, it.Flags, now)
			l.full.touched.Done(it)
		}
	}
}

// failedInFull keeps what a full sync could not send dirty by its name. It
// tells whether there is anything of which no later change would tell: what may
// not be read here changes when it may.
func (l *Lane) failedInFull(errs []rsync.PathError, now time.Time) (silent bool) {
	for _, e := range errs {
		path, f := l.complainedOf(e)
		if f.State == beneath.Absent || f.State == beneath.Obstructed {
			continue // that is an event of its own
		}
		flags := filterqueue.Flags(0)
		if f.Dir() {
			flags = filterqueue.Tree
		}
		l.dirty.Mark(path, flags, now)
		silent = silent || !e.Race() && (e.Remote || e.Errno != unix.EACCES && e.Errno != unix.EPERM)
	}
	return silent
}

// complainedOf finds what stands here at the path of a complaint. Where its name
// begins with something unknown, the longest end of it that stands here counts.
func (l *Lane) complainedOf(e rsync.PathError) (path string, f beneath.Found) {
	for rest, ok := e.Path, true; ok; _, rest, ok = strings.Cut(rest, "/") {
		if f = l.stillThere(rest); f.State == beneath.Present || !e.Elsewhere {
			return rest, f
		}
	}
	return e.Path, f
}

func (l *Lane) fullFailed(o outcome, now time.Time) {
	l.full.attempt++
	l.full.sent = o.sentAll && !l.full.want.Verify
	if o.err == nil {
		switch o.result.Class {
		case rsync.Refused:
			if l.learn(o.result) {
				l.full.next = now
				return
			}
		case rsync.Trouble:
			l.full.attempt--
			if l.fullBreaks(o, now) {
				l.full.sent = true
			}
			l.enterTrouble(o, now)
			return
		}
	}
	l.full.next = now.Add(laneWait(l.full.attempt))
	if l.full.attempt >= fullTries {
		l.full.next = now.Add(fullPause)
	}
	l.recordFailure(o, now)
	if want := l.full.want; l.full.attempt >= fullTries && want.Done != nil {
		want.Done(FullResult{Err: outcomeError(o)})
		want.Done = nil
	}
}

func (l *Lane) setProgress(p *status.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p == nil {
		l.state.progress = nil
		return
	}
	copied := *p
	l.state.progress = &copied
}

// CatchUp walks the tree of the lanes' common watch root once and makes dirty,
// for each of them, what changed since then (see package failqueue). It runs on
// the caller's goroutine. Deletions show as changed directories, whose entries
// are compared with the target's. What cannot be listed is dirty as a whole.
// tell, when it is not nil, hears of each entry before it is made dirty, and of
// those below a moved directory that have changed themselves; its calls come from
// several goroutines.
func CatchUp(ctx context.Context, since time.Time, lanes []*Lane, tell func(rel string, c walk.Change)) (walk.Count, error) {
	root := lanes[0].opt.Root()
	if root == nil {
		return walk.Count{}, errRootGone
	}
	defer root.Close()
	fd, err := openDir(root, "")
	if err != nil {
		return walk.Count{}, err
	}
	defer func() { _ = unix.Close(fd) }()
	opt := walk.ScanOptions{Each: tell != nil}
	if excluded := lanes[0].opt.Excluded; excluded != nil {
		opt.Skip = func(rel string) bool { return excluded(rel, true) }
	}
	opt.Error = func(rel string, err error) {
		if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
			return // what may not be read here cannot be sent, and changes when it may
		}
		for _, l := range lanes {
			l.Mark(rel, filterqueue.Tree|filterqueue.Extras)
		}
	}
	g := gathered{lanes: lanes, last: time.Now()}
	defer g.mark()
	return walk.Changed(ctx, fd, since, opt, func(rel string, c walk.Change) {
		if tell != nil {
			tell(rel, c)
		}
		if !c.Below {
			g.add(rel, c)
		}
	})
}

// MarkChanged makes one entry that a scan has found dirty.
func (l *Lane) MarkChanged(rel string, c walk.Change) {
	switch {
	case c.Type != unix.DT_DIR:
		l.Mark(rel, 0)
	case c.Moved && rel != "":
		l.Mark(rel, filterqueue.Tree|filterqueue.Extras)
	default:
		l.Mark(rel, filterqueue.Extras)
	}
}

// causeOf is what the audit log says about the deletions of a full sync.
func causeOf(want *Full) failqueue.Cause {
	if want.Mirror {
		return failqueue.CauseMirror
	}
	return failqueue.CauseCatchUp
}
