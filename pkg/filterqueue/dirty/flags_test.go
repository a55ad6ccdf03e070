package dirty

import (
	"testing"
	"time"
)

func TestOfAWriteAndAnArrivalTheLaterCounts(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		marks []Flags
		want  Flags
	}{
		"written after it arrived": {[]Flags{Arrival, Content}, Content},
		"arrived after a write":    {[]Flags{Content, Arrival}, Arrival},
		"a scan takes nothing":     {[]Flags{Arrival, Unsure}, Arrival | Unsure},
		"a deletion before":        {[]Flags{Gone, Arrival}, Gone | Arrival},
		"a tree holds both":        {[]Flags{Tree | Content, Arrival}, Tree | Content | Arrival},
	} {
		d := New(now, Limits{})
		for _, f := range c.marks {
			d.Mark("f", f, now)
		}
		if got := d.Take(now, 1)[0].Flags; got != c.want {
			t.Errorf("%s: %06b, want %06b", name, got, c.want)
		}
		// The same, when the first mark is in flight meanwhile and is returned.
		d = New(now, Limits{})
		d.Mark("f", c.marks[0], now)
		it := d.Take(now, 1)[0]
		d.Mark("f", c.marks[1], now)
		d.Return(it, time.Time{})
		if got := d.Take(now, 1)[0].Flags; got != c.want {
			t.Errorf("%s, in flight: %06b, want %06b", name, got, c.want)
		}
	}
}
