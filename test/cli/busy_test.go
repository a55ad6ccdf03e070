package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/status"
)

// TestBusyHours: in busy hours small files arrive, and the status shows which work waits, why and
// until when. A full sync that a person requests does not wait.
func TestBusyHours(t *testing.T) {
	s := newScene(t)
	now := time.Now()
	over := now.Add(12 * time.Hour).Truncate(time.Minute)
	hours := fmt.Sprintf(`<busy hours="%s-%s" size="1"/>`, over.Add(time.Hour).Format("15:04"), over.Format("15:04"))
	text := s.configure("</localpath>", hours+"</localpath>")
	s.write(filepath.Join(s.src, "before"), "the start")
	app := s.startWith(testkit.Options{Config: text})
	until := "until " + over.Format("2006-01-02 15:04")
	tells := func(want string, args ...string) {
		t.Helper()
		testkit.Eventually(t, limit, want, func() bool {
			out, code := s.ask(args...)
			return code == 1 && strings.Contains(out, want)
		})
	}
	tells("(busy hours: the full sync waits until they are over)", "--status")
	s.write(filepath.Join(s.src, "small"), "text")
	s.write(filepath.Join(s.src, "large"), strings.Repeat("x", 1<<20))
	testkit.Eventually(t, limit, "the small file is there", func() bool { return testkit.Exists(filepath.Join(s.dst, "small")) })
	tells("(busy hours: the full sync and large files wait until they are over)", "--status")
	tells(until, "--status")
	tells("busy hours: large files wait until they are over, "+until, "--pending")
	tells("busy hours: the full sync waits until they are over, "+until, "--pending")
	found, code := s.where(filepath.Join(s.src, "large"))
	if p := found.Places[0]; code != 1 || p.Verdict != status.Missing || p.Waiting == nil || p.Waiting.Attempt != 0 || !p.Waiting.NextTry.Equal(over) ||
		p.Waiting.Reason != "busy hours: large files wait until they are over" {
		t.Errorf("--where: %d %+v %+v", code, p, p.Waiting)
	}
	for _, name := range []string{"before", "large"} {
		if testkit.Exists(filepath.Join(s.dst, name)) {
			t.Errorf("%s has not waited", name)
		}
	}
	if out, code := s.ask("--resync"); code != 0 {
		t.Errorf("--resync: %d %s", code, out)
	}
	s.equal(testkit.Compare{})
	s.inSync()
	s.must(os.Remove(filepath.Join(s.src, "large")))
	s.equal(testkit.Compare{})
	s.stop(app)
}
