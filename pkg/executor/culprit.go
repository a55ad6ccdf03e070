package executor

import (
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

const (
	// maxCulprits bounds the culprits that are remembered.
	maxCulprits = 1000
	// fewCulprits is how many culprits may be tried as often as any other path. Each takes a run of
	// its own, for which the rest has to wait.
	fewCulprits = 8
)

// hunted takes the result of a hunt into the lane's state.
func (s *settler) hunted(o outcome.Outcome, now time.Time) {
	h := o.Hunt
	for _, part := range h.Done {
		s.markLinked(part, now)
		s.conclude(part, now)
	}
	s.log.Info("halved a batch that breaks every run", zap.Int("paths", len(o.Works)), zap.Int("runs", h.Runs),
		zap.Int("failed", len(h.Culprits)), zap.Int("not_tried", len(h.Left)))
	for _, w := range h.Culprits {
		s.culprit(w, o, h.Unfolded, now)
	}
	s.giveBack(h.Left, 0)
}

// culprit has one path go in a run of its own from now on. If it is a tree, the culprit is
// somewhere in it.
func (s *settler) culprit(w plan.Work, o outcome.Outcome, unfolded map[string]map[string]dirty.Flags, now time.Time) {
	if w.Tree(o.Kind) && s.unfoldTree(w, unfolded, now) {
		return
	}
	if len(s.culprits) < maxCulprits {
		s.culprits[w.Path] = true
	}
	f := outcome.FailureOf(o)
	f.Lasting = len(s.culprits) > fewCulprits
	if o.Result.Missing != transport.MissingVersions {
		f.Reason, f.Remedy = "breaks every run it is in: "+f.Reason, "see the rsync log of the remote; exclude the path until it is clear"
	}
	s.fail(w.Item, now, f)
}

// alone tells whether a run that broke carried a known culprit and nothing else.
func (s *settler) alone(o outcome.Outcome) bool {
	return o.Result.Broken && len(o.Works) == 1 && s.culprits[o.Works[0].Path]
}

// apart takes known culprits out of a batch: each goes alone, after the rest.
func (l *loop) apart(works []plan.Work) (now, later []plan.Work) {
	if len(l.culprits) == 0 {
		return works, nil
	}
	known, rest := outcome.Split(works, func(w plan.Work) bool { return l.culprits[w.Path] })
	if len(rest) > 0 || len(known) == 0 {
		return rest, known
	}
	return known[:1:1], known[1:]
}

// unfoldTree replaces a tree by its entries.
func (s *settler) unfoldTree(w plan.Work, unfolded map[string]map[string]dirty.Flags, now time.Time) bool {
	if !s.unfold(w.Path, unfolded, now) {
		return false
	}
	s.owe(w.Since)
	s.dirty.Done(w.Item)
	self := w.Flags &^ dirty.Tree
	if w.Flags&dirty.Gone != 0 {
		self |= dirty.Extras // finds what the old directory had and this one does not have
	}
	s.dirty.Mark(w.Path, self, now)
	s.touch(w, s.full.Ends, now)
	return true
}

// unfold makes the entries of a directory dirty, as a flight has found them; false when
// there are none, or too many.
func (d *desk) unfold(path string, unfolded map[string]map[string]dirty.Flags, now time.Time) bool {
	entries := unfolded[path]
	for rel, f := range entries {
		d.dirty.Mark(rel, f, now)
	}
	return len(entries) > 0
}

// fullBreaks replaces a full sync that breaks off a second time by the entries of the watch root,
// each as a tree of its own.
func (fs *fulls) fullBreaks(o outcome.Outcome, now time.Time) bool {
	want := fs.full.Want
	h, _ := fs.health()
	if !o.Result.Broken || o.SentAll || want.Verify || len(want.Excludes) > 0 || h.Breaks == 0 {
		return false
	}
	if !fs.unfold("", o.Unfolded, now) {
		return false
	}
	fs.owe(time.Time{})
	return true
}
