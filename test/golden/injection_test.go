package golden

import (
	"os"
	"path/filepath"
)

// checkInjection looks for marker files that injected commands would make.
func (s *scene) checkInjection() {
	for _, dir := range []string{"", "src", "cwd", "out", "dst"} {
		found, err := filepath.Glob(s.path(dir) + "/pwned*")
		s.must(err)
		if len(found) > 0 {
			s.t.Errorf("a name was executed: %q", found)
		}
	}
}

func nothingExecuted(s *scene) {
	for _, file := range []string{"out/ran_old_content", "out/uid", "out/pwd", "out/ran", "cwd/ran_by_sh", "src/ran_by_sh"} {
		if _, err := os.Lstat(s.path(file)); err == nil {
			s.t.Errorf("%s was made: something was executed", file)
		}
	}
}

func victimUntouched(s *scene) {
	info, err := os.Stat(s.path("out/victim"))
	s.must(err)
	if s.read("out/victim") != "precious\n" || info.Mode().Perm() != 0o600 {
		s.t.Errorf("the link was followed: mode %v, %q", info.Mode(), s.read("out/victim"))
	}
}
