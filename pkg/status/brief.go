package status

import "slices"

// briefStep is how many buckets of a series make one bucket of a brief series.
const briefStep = 4

// Brief is the snapshot for a table of lanes: without recent entries and names of paths, and with
// series in steps of twenty seconds. A Detail has what is left out here.
func (s Snapshot) Brief() Snapshot {
	s.Lanes = slices.Clone(s.Lanes)
	for i := range s.Lanes {
		l := &s.Lanes[i]
		l.Transfers, l.Failures = nil, nil
		l.Series = l.Series.coarse()
		l.Differences = slices.Clone(l.Differences)
		for k := range l.Differences {
			l.Differences[k].Names = nil
		}
		if l.Verify != nil {
			v := *l.Verify
			v.Names, v.NewerNames, v.Extras = nil, nil, nil
			l.Verify = &v
		}
	}
	return s
}

// coarse is the series in longer steps.
func (s Series) coarse() Series {
	add := func(sum, n int64) int64 { return sum + n }
	largest := func(a, b int64) int64 { return max(a, b) }
	s.Span *= briefStep
	s.Files, s.Bytes, s.Failures = fold(s.Files, add), fold(s.Bytes, add), fold(s.Failures, add)
	s.LatencyMS = fold(s.LatencyMS, largest)
	return s
}

func fold(list []int64, with func(a, b int64) int64) []int64 {
	out := make([]int64, len(list)/briefStep)
	for i := range len(out) * briefStep {
		out[i/briefStep] = with(out[i/briefStep], list[i])
	}
	return out
}
