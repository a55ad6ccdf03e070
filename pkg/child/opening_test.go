package child

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Each step is a look at the child, the given time after the look before.
func TestWhenAnOpenIsInterrupted(t *testing.T) {
	type step struct {
		after time.Duration
		call  string
		want  bool
	}
	const ms = time.Millisecond
	for name, steps := range map[string][]step{
		"other calls only": {{0, "", false}, {time.Hour, "", false}},
		"one open":         {{0, "a", false}, {999 * ms, "a", false}, {ms, "a", true}},
		"many short opens": {{0, "a", false}, {900 * ms, "b", false}, {900 * ms, "c", false}},
		"left between":     {{0, "a", false}, {900 * ms, "", false}, {900 * ms, "a", false}},
		"patience falls":   {{0, "a", false}, {1000 * ms, "a", true}, {ms, "b", false}, {500 * ms, "b", true}, {ms, "c", false}, {249 * ms, "c", false}, {ms, "c", true}},
		"the same again":   {{0, "a", false}, {1000 * ms, "a", true}, {ms, "a", false}, {500 * ms, "a", true}},
	} {
		o, now := newOpening(0), time.Unix(1000, 0)
		for i, s := range steps {
			now = now.Add(s.after)
			if got := o.look(s.call, now); got != s.want {
				t.Errorf("%s, look %d: interrupted %t, want %t", name, i, got, s.want)
			}
		}
	}
}

// A thousand names that hang take little longer than the first ones, and a run that opens files
// again gets its patience back.
func TestPatienceFallsAndGrows(t *testing.T) {
	o, start := newOpening(0), time.Unix(1000, 0)
	now := start
	for range 1000 {
		for o.look("fifo", now); !o.look("fifo", now); {
			now = now.Add(o.interval())
		}
	}
	if took := now.Sub(start); took > 10*time.Second {
		t.Errorf("a thousand names took %s", took)
	}
	start = now
	for o.patience < openPatience {
		o.look("", now)
		now = now.Add(o.interval())
	}
	if took := now.Sub(start); took < time.Second || took > 10*time.Second {
		t.Errorf("patience is back after %s", took)
	}
}

func TestWhatOpensAFile(t *testing.T) {
	for line, want := range map[string]bool{
		"running\n": false, "": false, "-1 0x7ffd 0x7f\n": false, "x": false,
		callLine(unix.SYS_OPENAT): true, callLine(unix.SYS_OPENAT2): true, callLine(sysOpen): true, callLine(unix.SYS_READ): false,
	} {
		if got := opens([]byte(line)); got != want {
			t.Errorf("%q: %t", line, got)
		}
	}
}

func callLine(number int) string { return fmt.Sprintf("%d 0x4 0x7ffd 0x0\n", number) }
