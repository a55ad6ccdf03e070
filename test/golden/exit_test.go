package golden

import (
	"strconv"
	"time"
)

// expectedExit is "running", one of the statuses of exitKind, or "failing" for any other status.
func (s *scene) expectedExit() exitKind {
	if s.w.exit != asRecorded {
		return s.w.exit
	}
	switch e := s.r.Exit; {
	case e.Alive:
		return running
	case e.Status != nil && *e.Status == 0:
		return zero
	case e.Status != nil && *e.Status == 1:
		return one
	case e.Status != nil:
		return failing
	}
	return running // 2.5.4 crashed
}

// checkExit checks the status of a program that has to end by itself.
func (s *scene) checkExit() {
	code := s.app.Wait(20 * time.Second)
	want := strconv.Itoa(code)
	switch s.expectedExit() {
	case zero, endedClean:
		want = "0"
	case one:
		want = "1"
	case failing:
		if e := s.r.Exit; e.Status != nil && *e.Status == 255 {
			want = "255"
		} else if code == 0 {
			want = "not 0"
		}
	}
	if want != strconv.Itoa(code) {
		s.t.Errorf("exit status %d, want %s\nstdout:\n%s\nstderr:\n%s", code, want, s.app.Stdout(), s.app.Stderr())
	}
	if code > 0 && s.app.Stderr() == "" && s.w.exit != asRecorded {
		s.t.Error("it ended without a word on standard error")
	}
}
