package audit

import (
	"fmt"
	"testing"
	"time"
)

// TestRecent: the newest deletions of one lane come back as they were recorded, after a rotation
// also those in the old file.
func TestRecent(t *testing.T) {
	dir := t.TempDir()
	a := openLog(t, dir)
	a.max = 4096
	now := time.Now().UTC().Truncate(time.Millisecond)
	for i := range 50 {
		must(t, a.Record(
			Deletion{Time: now, Lane: "mine", Cause: CauseEvent, Path: fmt.Sprintf("a \"b\"\n\xff=%d", i)},
			Deletion{Time: now, Lane: "another", Cause: CauseMirror, Path: "x"}))
	}
	list, err := a.Recent("mine", 10)
	if err != nil || len(list) != 10 {
		t.Fatalf("%d deletions, %v", len(list), err)
	}
	for i, d := range list {
		if want := (Deletion{Time: now, Lane: "mine", Cause: CauseEvent, Path: fmt.Sprintf("a \"b\"\n\xff=%d", 49-i)}); d != want {
			t.Errorf("%d: %+v, want %+v", i, d, want)
		}
	}
	if list, err := a.Recent("nobody", 10); err != nil || len(list) != 0 {
		t.Errorf("of no lane: %v, %v", list, err)
	}
}
