package carry

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/transport"
)

// learnGrain compares some files with the remote, before a full sync compares
// all: where the file system there keeps whole seconds, or every other one, all of
// them would differ in their times, and be sent again.
func (r *FullRun) learnGrain(ctx context.Context, o *outcome.Outcome) {
	p := r.Terms
	if !p.Times || p.ModifyWindow || !o.Flight.Caps.Takes(transport.Nanoseconds) || o.Err != nil {
		return
	}
	sample := r.Sample(ctx)
	names := make([]string, 0, len(sample))
	for name := range sample {
		names = append(names, name)
	}
	var found samples
	for grain := transport.GrainNanosecond; grain <= transport.GrainTwoSeconds && len(names) > 0; grain++ {
		answer, ok := r.differ(ctx, o, names, grain, false)
		if !ok {
			return
		}
		names = found.add(grain, sample, names, answer)
	}
	grain := found.grain()
	if grain == transport.GrainUnknown || grain > transport.GrainNanosecond && !r.oneIsEqual(ctx, o, found.coarse, grain) {
		return
	}
	o.Flight.Caps.Grain = grain
}

const (
	// contentSample is how many files are read to find one that is equal.
	contentSample = 8
	// contentMost is how many bytes of them.
	contentMost = 64 << 20
)

// oneIsEqual tells whether one of the files, at least, has the content of the
// remote's copy. Where none has, they were written again within the same second,
// which tells nothing of how fine the remote keeps times. Files of which one
// alone takes long to read are believed.
func (r *FullRun) oneIsEqual(ctx context.Context, o *outcome.Outcome, names []string, grain transport.Grain) bool {
	files := r.Files(names)
	slices.SortFunc(files, func(a, b disk.File) int { return cmp.Compare(a.Size, b.Size) })
	var few []string
	room := int64(contentMost)
	for _, f := range files[:min(len(files), contentSample)] {
		if room -= f.Size; room >= 0 {
			few = append(few, f.Path)
		}
	}
	if len(few) == 0 {
		return len(files) > 0
	}
	answer, ok := r.differ(ctx, o, few, grain, true)
	return ok && slices.ContainsFunc(few, func(name string) bool { return !answer[name].Sent })
}

// samples counts the files whose times are equal to those of the remote's copies
// only when they are compared by a grain.
type samples struct {
	equal [transport.GrainTwoSeconds + 1]int
	// coarse are those that only a grain above the nanosecond finds equal, and odd
	// counts those of whole seconds whose second an even number cannot stand for.
	coarse []string
	odd    int
}

// add takes in which of the names a comparison by a grain has listed. It returns
// those that nothing but the time sets apart: a coarser grain may find them equal.
func (s *samples) add(grain transport.Grain, sample map[string]time.Time, names []string, answer map[string]transport.Change) (coarser []string) {
	for _, name := range names {
		c, listed := answer[name]
		switch {
		case !listed:
			s.equal[grain]++
			if grain > transport.GrainNanosecond {
				s.coarse = append(s.coarse, name)
			}
			if grain == transport.GrainSecond && sample[name].Unix()%2 != 0 {
				s.odd++
			}
		case c.OnlyTime:
			coarser = append(coarser, name)
		}
	}
	return coarser
}

// grain is what the samples show. One file that is equal by the nanosecond is
// proof: others may differ for having been touched. Two seconds are believed
// where no odd second is kept.
func (s *samples) grain() transport.Grain {
	switch {
	case s.equal[transport.GrainNanosecond] > 0:
		return transport.GrainNanosecond
	case s.equal[transport.GrainTwoSeconds] > 0 && s.odd == 0:
		return transport.GrainTwoSeconds
	case s.equal[transport.GrainSecond] > 0:
		return transport.GrainSecond
	default:
		return transport.GrainUnknown
	}
}

// differ asks which of the names differ from the remote's copies: when times are
// compared by a grain, or in their contents.
func (r *runner) differ(ctx context.Context, o *outcome.Outcome, names []string, grain transport.Grain, contents bool) (map[string]transport.Change, bool) {
	caps := o.Flight.Caps
	caps.Grain = grain
	run := r.Base(transport.Send, caps)
	run.Verify, run.LiftUpdate, run.Contents = true, true, contents
	ask := outcome.NewOutcome(o.Flight)
	ask.Run = run
	r.carry(ctx, names, r.newReader(&ask))
	return ask.Changed, ask.Err == nil && ask.Result.Class <= transport.Again && len(ask.Result.Failed) == 0 && !ask.Result.Unclear
}
