package executor

import (
	"context"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/beneath"
	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/rsync"
	"github.com/sersync/sersync/pkg/walk"
)

// survey asks the target what only it has: below and in directories that may
// have lost entries unseen, and, where a filter is on, in directories that are
// gone here. It changes nothing.
func (l *Lane) survey(ctx context.Context, f flight) outcome {
	o := outcome{flight: f, began: time.Now(), ended: time.Now(), changed: map[string]rsync.Change{}}
	for _, part := range []struct {
		kind     rsync.Kind
		patterns []string
		in       func(work) bool
	}{
		{rsync.SurveyGone, nil, func(w work) bool { return w.found.State == beneath.Absent && !w.guarded }},
		{rsync.SurveyGone, f.patterns, func(w work) bool { return w.found.State == beneath.Absent && w.guarded }},
		{rsync.SurveyTrees, nil, func(w work) bool {
			return w.found.State == beneath.Present && w.Flags&filterqueue.Tree != 0
		}},
		{rsync.SurveyFlat, nil, func(w work) bool {
			return w.found.State == beneath.Present && w.Flags&filterqueue.Tree == 0
		}},
	} {
		var names []string
		for _, w := range f.works {
			if part.in(w) {
				names = append(names, w.Path)
			}
		}
		if len(names) == 0 {
			continue
		}
		run := l.base(part.kind, f.caps)
		run.Excludes = part.patterns
		before := o.result
		l.question(ctx, run, run.List(names), &o)
		if o.err != nil || o.result.Class > rsync.Again {
			return o
		}
		if before.Class == rsync.Partly {
			before.Unclear = before.Unclear || o.result.Unclear
			before.Failed = append(before.Failed, o.result.Failed...)
			o.result = before
		}
	}
	return o
}

// question runs one survey and collects its candidates into o.
func (l *Lane) question(ctx context.Context, run rsync.Run, list []byte, o *outcome) {
	o.run = run
	reader := newReader(o)
	reader.each = func(c rsync.Change) {
		switch {
		case len(o.extras) >= l.mostExtras():
			o.cut = true
		case c.Deleted:
			o.extras = append(o.extras, candidate{c.Path, c.Dir})
		case c.Dir && c.Sent && l.excludes(c.Path, true) && !l.excludes(c.Path, false):
			// An excluded directory would be made there: a file may have the name.
			o.extras = append(o.extras, candidate{c.Path, false})
		}
	}
	files, sent := o.files, o.sent
	p, err := l.connect(ctx, run, list, reader.line)
	if err != nil {
		o.err = err
		return
	}
	o.argv = p.Argv
	l.read(p, reader, o)
	o.files, o.sent = files, sent // nothing was sent by a question
}

// surveyed turns the answers into deletions, where they are allowed, and has
// what is here sent.
func (l *Lane) surveyed(o outcome, now time.Time) {
	if l.rootGone() {
		l.giveBack(o.works, 0) // no candidate could be looked up
		return
	}
	progress := false
	for _, w := range o.works {
		delete(l.unanswered, w.Path)
		progress = l.surveyedWork(w, o, now) || progress
	}
	for _, w := range o.works {
		absent := w.found.State == beneath.Absent
		switch {
		case o.cut && progress && absent:
			l.dirty.Mark(w.Path, w.Flags, now) // for the rest
		case o.cut && progress: // the same, once these have gone
			l.dirty.Return(w.item, now.Add(restLater))
		case !absent:
			l.sendSurveyed(w, now)
		}
	}
}

// restLater is when to ask for the rest of an answer that was too long.
const restLater = 2 * time.Second

// surveyedWork makes dirty what the target has to lose of one work, and tells
// whether there is anything.
func (l *Lane) surveyedWork(w work, o outcome, now time.Time) bool {
	if w.found.State == beneath.Absent {
		return l.surveyedGone(w, o, now)
	}
	allowed := l.mirrored() || w.Flags&filterqueue.Gone != 0
	why := failqueue.CauseCatchUp
	if w.Flags&filterqueue.Extras == 0 {
		why = failqueue.CauseEvent
	}
	marked := l.deleteExtras(below(o.extras, w.Path), allowed, nil, why, now)
	if w.Flags&filterqueue.Tree == 0 {
		l.remade(w, now)
	}
	l.owe(w.Since)
	return marked
}

// sendSurveyed has a directory sent, and with a tree what is in it here.
func (l *Lane) sendSurveyed(w work, now time.Time) {
	w.Flags &^= filterqueue.Extras
	kind := kindSend
	if w.Flags&filterqueue.Tree != 0 {
		kind = kindTree
		if l.listsTrees() {
			var err error
			if w.entries, err = l.entriesNow(w.Path); err != nil {
				l.unlisted(w.item, err, now)
				return
			}
		}
	}
	l.queue[kind] = append(l.queue[kind], w)
}

// surveyedInPart handles a question that was not answered for everything. What
// could be compared was, and what could not be read here shows up again when it
// is sent. But where nothing says what is missing, no answer is no answer: it is
// asked again, a few times.
func (l *Lane) surveyedInPart(o outcome, now time.Time) {
	if !o.result.Unclear {
		o.works = l.unlistedThere(o, now)
		l.surveyed(o, now)
		return
	}
	again, enough := split(o.works, func(w work) bool {
		l.unanswered[w.Path]++
		return l.unanswered[w.Path] < unansweredMost
	})
	for _, w := range again {
		l.fail(w.item, now, failureOf(o))
	}
	o.works = enough
	l.surveyed(o, now)
}

// unlistedThere gives back the works about which the target could not answer,
// and returns the others. What it could not list inside of a tree is asked about
// by itself.
func (l *Lane) unlistedThere(o outcome, now time.Time) (answered []work) {
	bad := l.assign(o)
	for i, w := range o.works {
		unheard := slices.DeleteFunc(bad[i], func(e rsync.PathError) bool { return !e.Remote })
		present := w.found.State == beneath.Present
		if len(unheard) > 0 && (!present || w.Flags&filterqueue.Tree == 0) {
			l.fail(w.item, now, failure{reason: unheard[0].Reason(), detail: unheard[0].Text, remedy: o.result.Remedy, wait: o.result.WaitStatus})
			continue
		}
		for _, e := range unheard {
			l.dirty.Mark(e.Path, filterqueue.Extras|w.Flags&filterqueue.Gone, now)
		}
		answered = append(answered, w)
	}
	return answered
}

// unansweredMost is how often a question is asked that may never be answered
// whole, because of --max-delete for instance.
const unansweredMost = 4

// remade finds the directories in one whose entries went unseen that were made
// after it was found changed. The one before may have been deleted unseen, too,
// and the target still has what was in it: the new one's own events say nothing
// about that.
func (l *Lane) remade(w work, now time.Time) {
	root := l.opt.Root()
	if root == nil {
		return
	}
	defer root.Close()
	fd, err := openDir(root, w.Path)
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(fd) }()
	_ = walk.Tree(context.Background(), fd, w.Path, walk.Options{
		Workers: 1,
		Descend: func(*walk.Dir, string) bool { return false },
		Entries: func(d *walk.Dir, batch []walk.Entry) {
			for _, e := range batch {
				var st unix.Stat_t
				if e.Type != unix.DT_DIR || unix.Fstatat(d.FD, string(e.Name), &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
					continue
				}
				if stamp(st.Ctim).After(w.Since.Add(-sinceSlack)) {
					l.dirty.Mark(d.RelOf(string(e.Name)), filterqueue.Tree|filterqueue.Extras, now)
				}
			}
		},
	})
}

// surveyedGone names those entries of a vanished directory which the filter
// lets go, and tells whether there are any that may go now.
func (l *Lane) surveyedGone(w work, o outcome, now time.Time) bool {
	extras := below(o.extras, w.Path)
	kept := map[string]bool{} // directories that hold something excluded
	var names []string
	for _, c := range extras {
		// What a run that was cut off has left of a large file goes with its
		// directory: nothing can be on its way there.
		if l.excludes(c.path, c.dir) && !partial(c.path) {
			for p := c.path; p != ""; p = parentOf(p) {
				kept[p] = true
			}
		}
	}
	for _, c := range extras {
		if !kept[c.path] {
			names = append(names, c.path)
		}
	}
	if len(names) == 0 {
		l.clean(w)
		return false
	}
	if l.opt.Held(w.Path, true) != "" {
		l.dirty.Return(w.item, now.Add(laneWait(20)))
		return false
	}
	w.entries = names
	l.queue[kindDelete] = append(l.queue[kindDelete], w)
	return true
}

// mostExtras bounds what one answer of a remote may make this program remember.
func (l *Lane) mostExtras() int {
	if l.opt.MostExtras > 0 {
		return l.opt.MostExtras
	}
	return 200_000
}
