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

// learnGrain compares some files with the remote before a full sync compares all of them: where the
// remote's file system keeps whole or even seconds only, the times of all files would differ, and
// all would be sent again.
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
	// contentMost is how many bytes are read of them at most.
	contentMost = 64 << 20
)

// oneIsEqual tells whether at least one of the files has the same content as the remote's copy. If
// none has, the files may have been written again within the same second, and their times say
// nothing about how fine the remote keeps times. If even one file would take long to read, the
// files are taken for equal.
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

// samples counts the files whose times equal those of the remote's copies only at a certain grain.
type samples struct {
	equal [transport.GrainTwoSeconds + 1]int
	// coarse are those that are equal only at a grain above the nanosecond, and odd counts those
	// equal by the second whose second is odd.
	coarse []string
	odd    int
}

// add records which of the names a comparison at a grain has listed. It returns those that differ
// in nothing but the time: at a coarser grain they may be equal.
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

// grain is what the samples show. One file that is equal by the nanosecond is proof, for others may
// differ because they were touched. The grain is two seconds if no odd second is kept.
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

// differ asks which of the names differ from the remote's copies: in their times at a given grain,
// or in their contents.
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
