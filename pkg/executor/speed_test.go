package executor

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/fstree"
)

// ran is a run of which a speed learns.
type ran struct {
	files int
	bytes int64
	took  time.Duration
}

func TestSpeedIsLearnt(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		runs []ran
		want int64 // bytes per second
	}{
		"nothing":                      {nil, 0},
		"nothing was sent":             {[]ran{{0, 0, time.Second}}, 0},
		"one run":                      {[]ran{{1, 1 << 20, time.Second}}, 1 << 20},
		"one short run":                {[]ran{{1, 1 << 20, 125 * ms}}, 8 << 20},
		"tiny files tell nothing":      {[]ran{{1000, 100_000, 10 * time.Second}}, 0},
		"nor that it has become slow":  {[]ran{{1, 1 << 20, time.Second}, {1000, 100_000, 10 * time.Second}}, 1 << 20},
		"slow at once":                 {[]ran{{1, 64 << 20, time.Second}, {1, 1 << 20, time.Second}}, 1 << 20},
		"a short run is not slow":      {[]ran{{1, 64 << 20, time.Second}, {1, 100_000, 200 * ms}}, 64 << 20},
		"fast step by step":            {[]ran{{1, 1 << 20, time.Second}, {1, 64 << 20, time.Second}}, 2 << 20},
		"any run may be faster":        {[]ran{{1, 1 << 20, time.Second}, {1000, 100_000, ms}}, 2 << 20},
		"faster is no more than seen":  {[]ran{{1, 1 << 20, time.Second}, {1, 3 << 19, time.Second}}, 3 << 19},
		"a clock that stood is no run": {[]ran{{1, 1 << 20, 0}}, 0},
	} {
		var s speed
		for _, r := range c.runs {
			s.learn(r.files, r.bytes, r.took)
		}
		if got := s.within(time.Second); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func TestWhatIsBigOnALink(t *testing.T) {
	for name, c := range map[string]struct {
		s    speed
		want int64
	}{
		"unknown":               {speed{}, unknownBig},
		"fast":                  {speed{known: 1 << 30}, bigFile},
		"slow":                  {speed{known: 300_000}, 300_000},
		"very slow":             {speed{known: 1000}, leastBig},
		"limited":               {speed{most: 100_000}, 100_000},
		"slower than the limit": {speed{known: 80_000, most: 100_000}, 80_000},
		"never above the limit": {speed{known: 1 << 30, most: 100_000}, 100_000},
	} {
		if got := c.s.big(); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// fileWork is a work for a file of this size and owner.
func fileWork(path string, size int64, owner uint32) plan.Work {
	return plan.Work{Item: plan.Item{Path: path}, Found: fstree.Found{State: fstree.Present, Stat: unix.Stat_t{Mode: unix.S_IFREG, Size: size, Uid: owner}}}
}

func paths(works []plan.Work) (out []string) {
	for _, w := range works {
		out = append(out, w.Path)
	}
	return out
}

func TestABatchTakesSomeSeconds(t *testing.T) {
	works := func() []plan.Work {
		return []plan.Work{fileWork("large", 300, 0), fileWork("a", 100, 0), fileWork("larger", 350, 0), fileWork("b", 100, 0)}
	}
	for name, c := range map[string]struct {
		s          speed
		now, later []string
	}{
		"unknown":          {speed{}, []string{"large", "a", "larger", "b"}, nil},
		"room for all":     {speed{known: 850. / 4}, []string{"large", "a", "larger", "b"}, nil},
		"the smallest":     {speed{known: 500. / 4}, []string{"a", "b", "large"}, []string{"larger"}},
		"one in any case":  {speed{known: 1}, []string{"a"}, []string{"b", "large", "larger"}},
		"limited the same": {speed{most: 200. / 4}, []string{"a", "b"}, []string{"large", "larger"}},
	} {
		now, later := c.s.batch(works())
		if !slices.Equal(paths(now), c.now) || !slices.Equal(paths(later), c.later) {
			t.Errorf("%s: %q and %q", name, paths(now), paths(later))
		}
	}
}
