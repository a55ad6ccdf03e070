package executor

import (
	"context"
	"math/bits"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/rsync"
	"github.com/sersync/sersync/pkg/walk"
)

// One path can break every run it is in: its name, or what it holds, makes the
// receiver die, or rsync here. To back off and try the same batch again would
// hold back everything else of the lane for ever. So when a batch breaks off
// again although the remote greets, the flight halves it until the culprits are
// alone. From then on they go alone, and wait as paths do.
//
// A remote where every run breaks must not be flooded with halves: without one
// success a hunt ends after the first way down, and the next one waits until
// the number of breaks has doubled.

const (
	// huntRuns bounds the runs of one hunt. What it has not tried is hunted
	// after the next break.
	huntRuns = 200
	// maxCulprits bounds the culprits that are remembered.
	maxCulprits = 1000
	// fewCulprits may be tried as often as any path. Each takes a run of its
	// own, for which the rest has to wait.
	fewCulprits = 8
	// maxUnfold is how many entries a tree that breaks may have to be replaced
	// by them. One with more is a culprit as a whole.
	maxUnfold = 4096
)

// hunt halves the works of a flight. It belongs to the flight's goroutine
// until it is part of an outcome.
type hunt struct {
	done     []outcome // of runs that did not break
	culprits []work
	left     []work // not tried
	runs     int
	broken   int
	patience int // how many runs may break before the first success
	over     bool
}

// mayHunt tells whether a flight that starts now may halve what breaks.
func (l *Lane) mayHunt() bool {
	tr := l.inTrouble()
	return tr.passing && bits.OnesCount(uint(tr.breaks)) == 1
}

// hunt finds the culprits of a flight that broke. Nil when all it shows is that
// everything breaks.
func (l *Lane) hunt(ctx context.Context, f flight) *hunt {
	h := &hunt{patience: bits.Len(uint(len(f.works))) + 1}
	l.halve(ctx, f, h)
	if len(h.done) == 0 {
		return nil
	}
	return h
}

func (l *Lane) halve(ctx context.Context, f flight, h *hunt) {
	middle := len(f.works) / 2
	for _, works := range [][]work{f.works[:middle], f.works[middle:]} {
		h.over = h.over || h.runs >= huntRuns || len(h.done) == 0 && h.broken > h.patience || ctx.Err() != nil
		if h.over {
			h.left = append(h.left, works...)
			continue
		}
		half := f
		half.works = works
		o := l.flyOnce(ctx, half)
		h.runs++
		broken := o.err == nil && o.result.Broken
		if broken {
			h.broken++
		}
		switch {
		case broken && len(works) > 1:
			l.halve(ctx, half, h)
		case broken:
			h.culprits = append(h.culprits, works...)
		case o.err == nil && o.result.Class <= rsync.Again:
			h.done = append(h.done, o)
		default:
			h.over = true // something else is wrong now
			h.left = append(h.left, works...)
		}
	}
}

// hunted takes what a hunt has found into the lane's state.
func (l *Lane) hunted(o outcome, now time.Time) {
	h := o.hunt
	for _, part := range h.done {
		l.conclude(part, now)
	}
	l.log.Info("halved a batch that breaks every run", zap.Int("paths", len(o.works)), zap.Int("runs", h.runs),
		zap.Int("failed", len(h.culprits)), zap.Int("not_tried", len(h.left)))
	for _, w := range h.culprits {
		l.culprit(w, o, now)
	}
	l.giveBack(h.left, 0)
}

// culprit puts one path apart. A tree is only where the culprit is.
func (l *Lane) culprit(w work, o outcome, now time.Time) {
	if w.tree(o.kind) && l.unfoldTree(w, now) {
		return
	}
	if len(l.culprits) < maxCulprits {
		l.culprits[w.Path] = true
	}
	f := failureOf(o)
	f.lasting = len(l.culprits) > fewCulprits
	f.reason, f.remedy = "breaks every run it is in: "+f.reason, "see the rsync log of the remote; exclude the path until it is clear"
	l.fail(w.item, now, f)
}

// alone tells whether a run that broke had a known culprit in it and nothing
// else.
func (l *Lane) alone(o outcome) bool {
	return o.result.Broken && len(o.works) == 1 && l.culprits[o.works[0].Path]
}

// apart keeps known culprits out of a batch: each goes alone, after the rest.
func (l *Lane) apart(works []work) (now, later []work) {
	if len(l.culprits) == 0 {
		return works, nil
	}
	known, rest := split(works, func(w work) bool { return l.culprits[w.Path] })
	if len(rest) > 0 || len(known) == 0 {
		return rest, known
	}
	return known[:1:1], known[1:]
}

// unfoldTree replaces a tree by its entries.
func (l *Lane) unfoldTree(w work, now time.Time) bool {
	if !l.unfold(w.Path, w.Flags, now) {
		return false
	}
	l.owe(w.Since)
	l.dirty.Done(w.item)
	self := w.Flags &^ filterqueue.Tree
	if w.Flags&filterqueue.Gone != 0 {
		self |= filterqueue.Extras // what the one before had and this one has not
	}
	l.dirty.Mark(w.Path, self, now)
	l.touch(w, l.full.ends, now)
	return true
}

// fullBreaks replaces a full sync that breaks off again by what the watch root
// holds, each entry as a tree of its own.
func (l *Lane) fullBreaks(o outcome, now time.Time) bool {
	want := l.full.want
	if !o.result.Broken || o.sentAll || want.Verify || len(want.Excludes) > 0 || l.inTrouble().breaks == 0 {
		return false
	}
	if !l.unfold("", 0, now) {
		return false
	}
	l.owe(time.Time{})
	return true
}

// unfold makes the entries of a directory dirty; false when it has none, or too
// many.
func (l *Lane) unfold(path string, flags filterqueue.Flags, now time.Time) bool {
	root := l.opt.Root()
	if root == nil {
		return false
	}
	defer root.Close()
	fd, err := openDir(root, path)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(fd) }()
	flags &= filterqueue.Content | filterqueue.Gone
	entries := map[string]filterqueue.Flags{}
	_ = walk.Tree(context.Background(), fd, path, walk.Options{
		Workers: 1,
		Descend: func(*walk.Dir, string) bool { return false },
		Entries: func(d *walk.Dir, batch []walk.Entry) {
			for _, e := range batch {
				rel, dir := d.RelOf(string(e.Name)), e.Type == unix.DT_DIR
				switch {
				case l.excludes(rel, dir) || len(entries) > maxUnfold:
				case dir:
					entries[rel] = flags | filterqueue.Tree
				case flags&filterqueue.Gone != 0:
					entries[rel] = filterqueue.Content // it replaces what stood there
				default:
					entries[rel] = flags
				}
			}
		},
	})
	if len(entries) == 0 || len(entries) > maxUnfold {
		return false
	}
	for rel, f := range entries {
		l.dirty.Mark(rel, f, now)
	}
	return true
}
