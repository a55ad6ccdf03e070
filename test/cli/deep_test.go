package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// TestDeepStateDirectory: the status and the actions reach an instance whose socket has a longer
// path than the address of a Unix socket can hold, also if an instance that was killed has left its
// socket there.
func TestDeepStateDirectory(t *testing.T) {
	s := newScene(t)
	s.set.Dir = s.dir(strings.Repeat("deep/", 30))
	s.write(filepath.Join(s.src, "f"), "text")
	app := s.start("-r")
	s.equal(testkit.Compare{})
	s.inSync()
	app.Kill9()
	s.write(filepath.Join(s.src, "g"), "text")
	app = s.start()
	s.equal(testkit.Compare{})
	s.inSync()
	if strings.Contains(s.logged(), "status socket is off") {
		t.Error(s.logged())
	}
	for _, args := range [][]string{{"--verify"}, {"--resync"}, {"--pause", s.src}, {"--resume", s.src}} {
		if out, code := s.ask(args...); code != 0 {
			t.Errorf("%q: exit %d\n%s", args, code, out)
		}
	}
	s.stop(app)
	if out, code := s.ask("--status"); code != 3 {
		t.Errorf("--status of one that has ended: exit %d\n%s", code, out)
	}
}
