package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// TestInvalidExclude: an invalid expression excludes nothing, as in 2.5.4. The log and the status
// say so, as well as standard output.
func TestInvalidExclude(t *testing.T) {
	s := newScene(t)
	s.set.Exclude = []string{`(.*)\.tmp`, "se(cret.*"}
	app := s.start("-r")
	s.write(filepath.Join(s.src, "se(cret"), "published")
	s.equal(testkit.Compare{})
	const says = `filter/exclude@expression: "se(cret.*" is not a regular expression`
	if log := strings.ReplaceAll(s.logged(), `\"`, `"`); !strings.Contains(log, says) {
		t.Errorf("not in the log:\n%s", log)
	}
	if got, code := s.ask("--status"); code != 2 || !strings.HasPrefix(got, "failing: errors in the configuration: 1, the first in line ") || !strings.Contains(got, `"se(cret.*" is not a regular expression`) {
		t.Errorf("not in the status (%d):\n%s", code, got)
	}
	s.stop(app)
}
