package ledger

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// add records versions and writes them at once.
func add(t *testing.T, l *Ledger, versions []Version) {
	t.Helper()
	l.Add(versions)
	must(t, l.Write())
}

// sent opens a ledger again, as after a restart, and asks it.
func sent(t *testing.T, l *Ledger, versions ...Version) []bool {
	t.Helper()
	got, err := New(l.path, nil).Sent(versions)
	must(t, err)
	return got
}

func TestTheLastVersionOfAPathCounts(t *testing.T) {
	l := New(filepath.Join(t.TempDir(), "sent"), func() {})
	old, young := Version{"a", 1, 100}, Version{"a", 1, 101}
	if got := sent(t, l, old); got[0] {
		t.Error("known before anything was sent")
	}
	add(t, l, []Version{old, {"b", 5, 100}})
	add(t, l, []Version{young})
	got := sent(t, l, old, young, Version{"b", 5, 100}, Version{"b", 6, 100}, Version{"c", 1, 101})
	if !slices.Equal(got, []bool{false, true, true, false, false}) {
		t.Error(got)
	}
}

func TestAnEntryCutShortHidesNoLaterOne(t *testing.T) {
	l := New(filepath.Join(t.TempDir(), "sent"), func() {})
	add(t, l, []Version{{"a", 1, 1}, {"b", 1, 1}})
	must(t, os.Truncate(l.path, entrySize+7))
	add(t, l, []Version{{"c", 1, 1}})
	if got := sent(t, l, Version{"a", 1, 1}, Version{"b", 1, 1}, Version{"c", 1, 1}); !slices.Equal(got, []bool{true, false, true}) {
		t.Error(got)
	}
}

func TestItsSizeIsBounded(t *testing.T) {
	size := func(l *Ledger) int64 {
		st, err := os.Stat(l.path)
		must(t, err)
		return st.Size() / entrySize
	}
	same := New(filepath.Join(t.TempDir(), "sent"), func() {})
	for i := range 3 * slack / 100 {
		add(t, same, slices.Repeat([]Version{{"a", int64(i), 1}}, 100))
	}
	if n := size(same); n > slack+100 {
		t.Errorf("%d entries for one file", n)
	}
	many := New(filepath.Join(t.TempDir(), "sent"), func() {})
	many.most = 1000
	for i := range 5000 {
		add(t, many, []Version{{fmt.Sprint(i), 1, 1}})
	}
	if n := size(many); n > 1000 {
		t.Errorf("%d entries, the limit is 1000", n)
	}
	if got := sent(t, many, Version{"4999", 1, 1}, Version{"4600", 1, 1}, Version{"0", 1, 1}); !slices.Equal(got, []bool{true, true, false}) {
		t.Errorf("kept the wrong ones: %v", got)
	}
}

// While the file system of the state hangs, the versions that were sent are known all the same.
func TestWhatIsNotWrittenYetIsKnown(t *testing.T) {
	asked := 0
	l := New(filepath.Join(t.TempDir(), "sent"), func() { asked++ })
	add(t, l, []Version{{"a", 1, 1}})
	l.Add([]Version{{"a", 1, 2}})
	got, err := l.Sent([]Version{{"a", 1, 1}, {"a", 1, 2}})
	must(t, err)
	if !slices.Equal(got, []bool{false, true}) || asked != 2 {
		t.Errorf("%v, asked for %d writes", got, asked)
	}
}
