package carry

import (
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/transport"
)

func TestWhatASampleTellsOfTimes(t *testing.T) {
	differs := transport.Change{Sent: true, OnlyTime: true}
	for name, c := range map[string]struct {
		// equalAt says for each file from which grain on it is found equal. 0: with no grain,
		// although only the times differ; -1: it is no copy at all.
		equalAt map[string]int
		want    transport.Grain
	}{
		"nothing there":                        {map[string]int{"a": -1, "b": -1}, transport.GrainUnknown},
		"touched here only":                    {map[string]int{"a": 0}, transport.GrainUnknown},
		"nanoseconds":                          {map[string]int{"a": 1}, transport.GrainNanosecond},
		"nanoseconds, one touched":             {map[string]int{"a": 1, "b": 0, "odd": 2}, transport.GrainNanosecond},
		"seconds":                              {map[string]int{"a": 2, "odd": 2, "b": -1}, transport.GrainSecond},
		"seconds, one touched a second later":  {map[string]int{"odd": 2, "odd2": 3}, transport.GrainSecond},
		"every other second":                   {map[string]int{"a": 2, "odd": 3}, transport.GrainTwoSeconds},
		"seconds, as far as even ones tell":    {map[string]int{"a": 2, "b": 2}, transport.GrainSecond},
		"every other second, of odd ones only": {map[string]int{"odd": 3}, transport.GrainTwoSeconds},
	} {
		sample := map[string]time.Time{}
		var names []string
		for n := range c.equalAt {
			names = append(names, n)
			sample[n] = time.Unix(1000, 5)
			if n[0] == 'o' {
				sample[n] = time.Unix(1001, 5)
			}
		}
		var s samples
		for g := transport.GrainNanosecond; g <= transport.GrainTwoSeconds; g++ {
			answer := map[string]transport.Change{}
			for _, n := range names {
				switch at := c.equalAt[n]; {
				case at < 0:
					answer[n] = transport.Change{Sent: true}
				case at == 0 || int(g) < at:
					answer[n] = differs
				}
			}
			names = s.add(g, sample, names, answer)
		}
		if got := s.grain(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
