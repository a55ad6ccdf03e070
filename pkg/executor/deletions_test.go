package executor

import (
	"testing"
	"time"
)

// clocked plays a row of deletions that are some milliseconds apart. It has them looked at every
// millisecond, as a lane would, and returns when the runs began.
func clocked(apart ...int) (runs []time.Duration) {
	var d deletions
	begin := time.Now()
	var due []time.Duration // when each deletion is looked at a second time
	at := time.Duration(0)
	for ms := range time.Duration(60_000) {
		now := ms * time.Millisecond
		d.begin(begin.Add(now))
		waiting := due[:0]
		for _, t := range due {
			switch {
			case t > now:
				waiting = append(waiting, t)
			case d.open:
				d.used = true
			default:
				waiting = append(waiting, d.next().Sub(begin))
			}
		}
		due = waiting
		d.end(begin.Add(now))
		if d.used {
			runs = append(runs, now)
		}
		if len(apart) > 0 && now >= at {
			d.seen(begin.Add(now))
			due = append(due, now+secondLook)
			at, apart = now+time.Duration(apart[0])*time.Millisecond, apart[1:]
		}
	}
	if len(due) > 0 {
		return nil // the rest would never be deleted
	}
	return runs
}

func row(n, apart int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = apart
	}
	return all
}

func TestDeletionsGather(t *testing.T) {
	for name, c := range map[string]struct {
		apart       []int
		least, most int           // how many runs there are
		last        time.Duration // when the last run begins, at the latest
	}{
		"one":                {row(1, 0), 1, 1, secondLook},
		"two at once":        {row(2, 0), 1, 1, secondLook + time.Millisecond},
		"a short row":        {row(100, 1), 1, 1, 100*time.Millisecond + secondLook},
		"two seconds":        {row(400, 5), 3, 4, 2200 * time.Millisecond},
		"pauses in a row":    {append(append(row(100, 5), 70), row(100, 5)...), 2, 4, 1300 * time.Millisecond},
		"each by itself":     {row(10, 300), 10, 10, 2700*time.Millisecond + secondLook},
		"half a minute long": {row(6000, 5), 25, 35, 30*time.Second + gateMost},
	} {
		t.Run(name, func(t *testing.T) {
			runs := clocked(c.apart...)
			if len(runs) < c.least || len(runs) > c.most {
				t.Fatalf("%d runs: %v", len(runs), runs)
			}
			if runs[0] > gateFirst || runs[len(runs)-1] > c.last {
				t.Errorf("runs at %v", runs)
			}
			for i := range runs[1:] {
				if pause := runs[i+1] - runs[i]; pause > gateMost && name != "each by itself" {
					t.Errorf("%v without a run: %v", pause, runs)
				}
			}
		})
	}
}
