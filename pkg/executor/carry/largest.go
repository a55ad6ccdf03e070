package carry

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

// leftOut finds the regular files in the trees of a flight, or below the watch
// root when it has none, that are larger than most.
func (r *runner) leftOut(ctx context.Context, f outcome.Flight, most int64) (found []outcome.LeftOut) {
	visit := func(w plan.Work) {
		flags := w.Flags & dirty.Content
		if w.Flags&dirty.Gone != 0 {
			flags = dirty.Content // the file has replaced another one
		}
		r.RegularFiles(ctx, w.Path, nil, func(rel string, st *unix.Stat_t) {
			if st.Size > most {
				found = append(found, outcome.LeftOut{Path: rel, Flags: flags, Since: w.Since})
			}
		})
	}
	if f.Kind == plan.KindFull {
		visit(plan.Work{})
	}
	for _, w := range f.Works {
		visit(w)
	}
	return found
}

// grown are the files of a flight that its run has left out for their size, although they were
// small when they were looked at.
func (r *runner) grown(o *outcome.Outcome) (found []outcome.LeftOut) {
	if o.Run.MaxSize <= 0 || o.Err != nil || o.Result.Class > transport.Again {
		return nil
	}
	for _, w := range o.Works {
		for _, s := range r.Files(o.NotSent(w.Names())) {
			if s.Size > o.Run.MaxSize {
				found = append(found, outcome.LeftOut{Path: s.Path, Flags: w.Flags & dirty.Content, Since: w.Since})
			}
		}
	}
	return found
}

// watchGrowth ends a run that compares contents when one of its files has meanwhile grown so large
// that it has to go by itself: rsync reads each file to its end before it sends the first one. Then
// all files are looked at again. The run has to end when stop is closed; rest ends the watch.
func (r *runner) watchGrowth(o *outcome.Outcome) (stop <-chan struct{}, rest func()) {
	most := o.Run.MaxSize
	if most <= 0 || !o.Run.Contents || o.Run.Kind != transport.Send {
		return nil, func() {}
	}
	grown, over := make(chan struct{}), make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		for wait := growthFirst; ; wait *= 2 {
			timer := time.NewTimer(wait)
			select {
			case <-over:
				timer.Stop()
				return
			case <-timer.C:
			}
			if slices.ContainsFunc(r.Files(plan.NamesOf(o.Works)), func(f disk.File) bool { return f.Size > most }) {
				close(grown)
				return
			}
		}
	})
	return grown, func() { close(over); watch.Wait() }
}

// Bound is the size above which a run leaves files out; 0: the user's own parameters leave out
// smaller ones already.
func Bound(p transport.Terms, most int64) int64 {
	if own := p.MaxSize; most <= 0 || own > 0 && own <= most {
		return 0
	}
	return most
}

// growthFirst is the time after which the files of a run of small files are first checked for one
// that has grown; each further check comes after twice the time.
const growthFirst = 2 * time.Second
