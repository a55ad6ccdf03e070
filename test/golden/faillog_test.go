package golden

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/sersync/sersync/internal/testkit"
)

// block is one entry of the fail script.
var block = regexp.MustCompile(`(?m)^#errno (-?[0-9]+)\n([^\n][^\x00]*?)\n\n`)

// checkFailLog checks the fail script: it has one block for each path that fails, it can be run,
// only its owner can write it, and if nothing has failed it has no block.
func (s *scene) checkFailLog() {
	if s.w.noErrno || s.r.FailLog == nil {
		return
	}
	wanted := s.w.errno
	if wanted == nil {
		for _, m := range block.FindAllStringSubmatch(string(s.r.FailLog.Text), -1) {
			if !slices.Contains(wanted, m[1]) {
				wanted = append(wanted, m[1])
			}
		}
	}
	if len(wanted) == 0 {
		if text := s.read("fail.sh"); strings.Contains(text, "#errno") && s.expectedExit() == running {
			s.t.Errorf("nothing failed, and the fail script says\n%s", text)
		}
		return
	}
	var found [][]string
	// A path that has failed once is in the script after its second attempt. The lane may wait the
	// longest backoff for that attempt, and twice that for a deletion.
	ok := testkit.Poll(3*arrival, func() bool {
		found = block.FindAllStringSubmatch(s.read("fail.sh"), -1)
		return slices.ContainsFunc(found, func(m []string) bool { return slices.Contains(wanted, m[1]) })
	})
	if !ok {
		s.t.Errorf("no block with #errno %v in the fail script:\n%s\nstderr:\n%s", wanted, s.read("fail.sh"), s.app.Stderr())
		return
	}
	for _, m := range found {
		if !strings.Contains(m[2], "rsync") {
			s.t.Errorf("block without an rsync: %q", m[0])
		}
	}
	if out, err := exec.Command("sh", "-n", s.path("fail.sh")).CombinedOutput(); err != nil {
		s.t.Errorf("the fail script is no script: %v %s", err, out)
	}
	info, err := os.Lstat(s.path("fail.sh"))
	s.must(err)
	if info.Mode()&0o077 != 0 || !info.Mode().IsRegular() {
		s.t.Errorf("fail script: %v", info.Mode())
	}
}
