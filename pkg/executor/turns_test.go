package executor

import (
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/transport/transporttest"
)

func TestHowLongABigFileTakes(t *testing.T) {
	for name, c := range map[string]struct {
		s    speed
		size int64
		want bigClass
	}{
		"unknown link":             {speed{}, 1 << 30, minutes},
		"a gigabyte and more":      {speed{}, 1<<30 + 1, hours},
		"as a sparse file may be":  {speed{}, 15 << 40, days},
		"a fast link is not asked": {speed{known: 1 << 40}, 15 << 40, days},
		"a minute":                 {speed{known: 100_000}, 6_000_000, minutes},
		"more than a minute":       {speed{known: 100_000}, 6_000_001, hours},
		"more than an hour":        {speed{known: 100_000}, 360_000_001, days},
		"no link is too slow":      {speed{known: 1}, leastBig, minutes},
	} {
		if got := c.s.bigClass(c.size); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

const (
	aMinute = 100 << 20
	anHour  = 10 << 30
	aDay    = 1 << 40
)

func TestBigFilesTakeTurns(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	type begun struct {
		path  string
		size  int64
		owner uint32
		ago   time.Duration
	}
	for name, c := range map[string]struct {
		running, ended []begun
		waiting        []plan.Work
		want           string // "": none is chosen
	}{
		"nothing runs":                        {nil, nil, []plan.Work{fileWork("a", aMinute, 1), fileWork("b", aMinute, 1)}, "a"},
		"one of a class":                      {[]begun{{"x", aMinute, 1, 0}}, nil, []plan.Work{fileWork("a", aMinute, 2)}, ""},
		"beside what takes long":              {[]begun{{"x", aDay, 1, 0}}, nil, []plan.Work{fileWork("a", aDay, 1), fileWork("b", aMinute, 1)}, "b"},
		"beside what takes hours":             {[]begun{{"x", anHour, 1, 0}}, nil, []plan.Work{fileWork("a", anHour, 1), fileWork("b", aMinute, 1)}, "b"},
		"one owner has one of days":           {[]begun{{"x", aDay, 1, 0}}, nil, []plan.Work{fileWork("a", aDay, 1), fileWork("b", aDay, 2)}, "b"},
		"days are bounded":                    {[]begun{{"x", aDay, 1, 0}, {"y", aDay, 2, 0}, {"z", aDay, 3, 0}}, nil, []plan.Work{fileWork("a", aDay, 4)}, ""},
		"owners take turns":                   {nil, []begun{{"x", aMinute, 1, 0}}, []plan.Work{fileWork("a", aMinute, 1), fileWork("b", aMinute, 2)}, "b"},
		"the one who waits longest":           {nil, []begun{{"x", aMinute, 2, 0}, {"y", aMinute, 1, 0}}, []plan.Work{fileWork("a", aMinute, 1), fileWork("b", aMinute, 2)}, "b"},
		"in order within one owner's":         {nil, []begun{{"x", aMinute, 1, 0}}, []plan.Work{fileWork("b", aMinute, 1), fileWork("a", aMinute, 1)}, "b"},
		"late, not overdue":                   {[]begun{{"x", aMinute, 1, 119 * time.Second}}, nil, []plan.Work{fileWork("a", aMinute, 2)}, ""},
		"overdue":                             {[]begun{{"x", aMinute, 1, 2 * time.Minute}}, nil, []plan.Work{fileWork("a", aMinute, 2)}, "a"},
		"overdue, no room":                    {[]begun{{"x", aMinute, 1, 3 * time.Minute}, {"y", anHour, 1, 0}}, nil, []plan.Work{fileWork("a", aMinute, 2)}, ""},
		"hours overdue":                       {[]begun{{"x", anHour, 1, 2 * time.Hour}}, nil, []plan.Work{fileWork("a", anHour, 1)}, "a"},
		"hours overdue beside days of theirs": {[]begun{{"x", anHour, 1, 3 * time.Hour}, {"y", aDay, 1, 0}}, nil, []plan.Work{fileWork("a", anHour, 2)}, ""},
	} {
		var turns turns
		var s speed
		for _, b := range c.ended {
			w := fileWork(b.path, b.size, b.owner)
			turns.begin(w, bigRun{class: s.bigClass(b.size), stop: func() {}}, now.Add(-b.ago))
			turns.end([]plan.Work{w})
		}
		for _, b := range c.running {
			turns.begin(fileWork(b.path, b.size, b.owner), bigRun{class: s.bigClass(b.size), stop: func() {}}, now.Add(-b.ago))
		}
		got := ""
		if i := turns.next(c.waiting, &s, now); i >= 0 {
			got = c.waiting[i].Path
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestWhoseTryCostsMuchWaits(t *testing.T) {
	l := NewLane(Options{Transport: &transporttest.Fake{}, Gone: func() bool { return false }, Logger: zap.NewNop()})
	for cost, least := range map[time.Duration]time.Duration{0: 0, time.Minute: costTimes * time.Minute, time.Hour: costMost} {
		now := time.Now()
		l.Mark("f", 0)
		l.fail(l.dirty.Take(now, 1)[0], now, plan.Failure{Reason: "does not fit", Cost: cost})
		at, ok := l.dirty.NextReady(now)
		if wait := at.Sub(now); !ok || wait < least || wait > max(least, time.Minute) {
			t.Errorf("a try of %s waits %s", cost, wait)
		}
		l.dirty.RetryNow()
		l.dirty.Done(l.dirty.Take(now, 1)[0])
	}
}

// The waiting works are considered again when a run becomes overdue, and not before that.
func TestWhenRoomIsMade(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	var turns turns
	if at := turns.changes(); !at.IsZero() {
		t.Errorf("no run is under way: %s", at)
	}
	turns.begin(fileWork("x", aMinute, 1), bigRun{class: minutes, stop: func() {}}, now)
	if at := turns.changes(); !at.Equal(now.Add(2 * time.Minute)) {
		t.Errorf("one run is under way: %s", at)
	}
	turns.begin(fileWork("y", anHour, 1), bigRun{class: hours, stop: func() {}}, now)
	if at := turns.changes(); !at.Equal(now.Add(2 * time.Hour)) {
		t.Errorf("the one for which there is room: %s", at)
	}
}
