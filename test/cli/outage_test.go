package cli

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// TestALongOutageIsFewLines: a remote that stays down is tried again and again. The log has one
// line when it goes down, then one line a minute with a count, and one when it is back.
func TestALongOutageIsFewLines(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	s := newScene(t)
	s.rsyncd.Stop()
	began := time.Now()
	app := s.start()
	s.write(filepath.Join(s.src, "f"), "text")
	lines := func(parts ...string) (found []string) {
		for line := range strings.Lines(s.logged()) {
			all := true
			for _, part := range parts {
				all = all && strings.Contains(line, part)
			}
			if all {
				found = append(found, line)
			}
		}
		return found
	}
	const trouble = "remote in trouble"
	testkit.Eventually(t, 4*time.Minute, "a counted line", func() bool { return len(lines(trouble, " times=")) > 0 })
	if said, most := lines(trouble), 2+int(time.Since(began)/time.Minute); len(said) > most || strings.Contains(said[0], " times=") {
		t.Errorf("more than %d lines, or the first one is counted:\n%s", most, strings.Join(said, ""))
	}
	s.rsyncd.Start()
	s.equal(testkit.Compare{})
	testkit.Eventually(t, limit, "a line that it is over", func() bool { return len(lines("INFO", " times=", " span=")) == 1 })
	s.stop(app)
}
