package status

import (
	"strings"
	"testing"
	"time"
)

// TestChronicle: each event shows in its step; a step at which nobody looked shows -1, and what is
// older than the whole stretch is forgotten.
func TestChronicle(t *testing.T) {
	var c Chronicle
	now := time.Date(2026, 5, 1, 12, 30, 10, 0, time.UTC)
	c.Sent(now.Add(-25*time.Hour), 9, 9, time.Second) // older than the stretch
	c.Sent(now.Add(-2*time.Hour), 3, 300, 2*time.Second)
	c.Lag(now.Add(-time.Minute), 7*time.Second)
	c.Failed(now)
	hour, day := c.Read(now)
	if len(hour.Files) != HourSteps || len(day.Files) != DaySteps {
		t.Fatalf("%d and %d steps", len(hour.Files), len(day.Files))
	}
	last := HourSteps - 1
	if hour.LagMS[last-1] != 7000 || hour.Failures[last] != 1 || hour.LagMS[last-2] != -1 || hour.Files[last] != 0 {
		t.Errorf("the hour: %+v", hour)
	}
	if i := DaySteps - 1 - 12; day.Files[i] != 3 || day.Bytes[i] != 300 || day.LagMS[i] != 2000 {
		t.Errorf("the day, two hours ago: %d files, %d bytes, lag %d", day.Files[i], day.Bytes[i], day.LagMS[i])
	}
	sum := int64(0)
	for _, n := range day.Files {
		sum += n
	}
	if sum != 3 {
		t.Errorf("%d files in the day, want 3", sum)
	}
	if want := now.Truncate(time.Minute).Add(time.Minute); !hour.End.Equal(want) {
		t.Errorf("the hour ends at %v, want %v", hour.End, want)
	}
}

// TestRecorderIsRemembered: a later process continues the history, whose size is fixed whatever the
// names are. A damaged history is refused.
func TestRecorderIsRemembered(t *testing.T) {
	now := time.Now()
	r := NewRecorder()
	for i := range RecentEntries {
		r.Transfer(Transfer{Time: now, Path: strings.Repeat("l\xff", 1500) + string(rune('a'+i)), Operation: Sent, Bytes: 5, Duration: Seconds(time.Second)})
		r.Failure(Failure{Time: now, Path: "f", Reason: "why", Exit: 23})
	}
	r.Transfer(Transfer{Time: now, Path: "last\n\xfe", Operation: Sent, Bytes: 5, Duration: Seconds(time.Second)})
	if !r.Changed() {
		t.Error("nothing has changed")
	}
	b, err := r.AppendBinary(nil)
	if err != nil || len(b) != RecorderBytes {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	r.Lag(now, 0)
	if r.Changed() {
		t.Error("silence is no change")
	}
	again := NewRecorder()
	if err := again.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	var lane Lane
	again.Fill(&lane, now)
	if len(lane.Transfers) == 0 || lane.Transfers[0].Path != "last\n\xfe" || len(lane.Failures) == 0 || lane.Failures[0].Reason != "why" {
		t.Errorf("remembered %d transfers and %d failures", len(lane.Transfers), len(lane.Failures))
	}
	if hour, _ := again.Past(now); hour.Files[HourSteps-1] != RecentEntries+1 {
		t.Errorf("remembered %d files", hour.Files[HourSteps-1])
	}
	b[100]++
	if err := NewRecorder().UnmarshalBinary(b); err == nil {
		t.Error("damaged bytes were taken")
	}
	if err := NewRecorder().UnmarshalBinary(b[:50]); err == nil {
		t.Error("a part was taken for all")
	}
}

// TestCauses: failures are grouped by their reasons, and the groups that fail now come first.
func TestCauses(t *testing.T) {
	now := time.Now()
	list := Causes([]Wait{{Path: "a", Attempt: 1, Reason: "r", Remedy: "m", Command: "c"}, {Path: "b", Attempt: 2, Reason: "r", Remedy: "m"}, {Path: "new"}},
		[]Failure{{Time: now, Reason: "other", Exit: 10}, {Time: now.Add(-time.Minute), Reason: "r", Remedy: "m", Path: "z", Exit: 23}})
	if len(list) != 2 || list[0].Reason != "r" || list[0].Paths != 2 || list[0].Times != 1 || list[0].Exit != 23 || list[0].Command != "c" {
		t.Fatalf("%+v", list)
	}
	if got := strings.Join(list[0].Names, " "); got != "a b z" {
		t.Errorf("names %s", got)
	}
}
