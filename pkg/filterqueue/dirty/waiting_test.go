package dirty

import (
	"testing"
	"time"
)

// TestWaiting: a path waits with its own mark or with that of a tree above it; the paths below it
// are counted.
func TestWaiting(t *testing.T) {
	start := time.Now()
	d := New(start, Limits{})
	d.Mark("a/tree", Tree, start)
	d.Mark("a/file", Content, start.Add(time.Second))
	d.Mark("b", Content, start.Add(2*time.Second))
	for _, tc := range []struct {
		path, with string
		below      int
		waits      bool
	}{
		{"a/tree/deep/x", "a/tree", 0, true},
		{"a/tree", "a/tree", 0, true},
		{"a/file", "a/file", 0, true},
		{"a/other", "", 0, false},
		{"a", "", 2, false},
		{"", "", 3, false},
		{"c/d", "", 0, false},
	} {
		w, below, ok := d.Waiting(tc.path)
		if ok != tc.waits || w.Path != tc.with || below != tc.below {
			t.Errorf("%q waits: %v with %q, %d below; want %v with %q, %d", tc.path, ok, w.Path, below, tc.waits, tc.with, tc.below)
		}
	}
	flying := d.Take(start, 1)
	if w, _, ok := d.Waiting("a/tree/x"); !ok || !w.InFlight || len(flying) != 1 {
		t.Errorf("in flight: %+v, %v", w, ok)
	}
	later := start.Add(time.Hour)
	flying[0].Attempt = 2
	d.Return(flying[0], later)
	w, _, ok := d.Waiting("a/tree/x")
	if !ok || w.InFlight || w.Attempt != 2 || w.Due.Sub(later).Abs() > time.Millisecond {
		t.Errorf("put off: %+v, %v", w, ok)
	}
	if list := d.List(2); len(list) != 2 || list[0].Path != "a/tree" || list[1].Path != "a/file" {
		t.Errorf("the oldest two: %+v", list)
	}
}
