package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

const verifying = `<verify cron="@every 2s" repair="true" bwlimit="2000"/>`

// TestScheduledVerify: a change that somebody has made on the remote is found at the next scheduled
// time, counted, reported and repaired. A comparison that is due while the remote is down is
// reported as failed and changes nothing else. When the remote is back the next one is made.
func TestScheduledVerify(t *testing.T) {
	s := newScene(t)
	told := s.path("told")
	text := s.configure("<plugin", verifying+"<plugin", "</head>",
		`<notify after="0s"><command run="sh -c 'echo $SERSYNC_TEXT >>`+told+`'"/></notify></head>`)
	s.write(filepath.Join(s.src, "a"), "mine")
	app := s.startWith(testkit.Options{Config: text}, "-r")
	s.equal(testkit.Compare{})
	s.inSync()
	s.write(filepath.Join(s.dst, "a"), "damaged, and of another size")
	s.must(os.Chtimes(filepath.Join(s.dst, "a"), s.long, s.long))
	s.write(filepath.Join(s.dst, "theirs"), "only there")
	s.equal(testkit.Compare{})
	testkit.Eventually(t, limit, "nothing differs any more", func() bool {
		out, code := s.ask("--status")
		return code == 0 && strings.Contains(out, "no difference")
	})
	testkit.Eventually(t, limit, "the differences were told", func() bool {
		b, _ := os.ReadFile(told)
		return strings.Contains(string(b), "the verification found differences")
	})
	if log, err := os.ReadFile(filepath.Join(s.set.State(), "deletions.log")); err != nil || !strings.Contains(string(log), "verify") {
		t.Errorf("the audit log: %s %v", log, err)
	}

	s.rsyncd.Stop()
	testkit.Eventually(t, limit, "the outage is said of the comparison", func() bool {
		out, _ := s.ask("--status", "--json")
		return strings.Contains(out, `"error":"the remote refuses the connection`)
	})
	s.rsyncd.Start()
	testkit.Eventually(t, limit, "and it is made when the remote is back", func() bool {
		out, code := s.ask("--status")
		return code == 0 && strings.Contains(out, "no difference")
	})
	s.stop(app)
}
