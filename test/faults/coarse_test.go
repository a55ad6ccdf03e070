package faults

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// coarse gives the target a file system that keeps only whole seconds.
func coarse(s *scene) { testkit.Coarse(s.t, s.dst) }

// TestRemoteWithoutNanoseconds: on the remote every file has another time, and nothing else
// differs. A second full sync sends nothing, and --verify finds nothing. A file that is written
// again within one second arrives all the same.
func TestRemoteWithoutNanoseconds(t *testing.T) {
	for _, params := range []string{"-artuz", "-artz"} {
		t.Run(params, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, func(s *scene) { s.set.Params = params }, coarse)
			names := []string{"a", "b", "d/c", "d/e/f"}
			s.write(names...)
			s.mirror()
			before := make([]fs.FileInfo, len(names))
			for i, name := range names {
				info, err := os.Stat(s.dst + "/" + name)
				s.must(err)
				if info.ModTime().Nanosecond() != 0 {
					t.Fatalf("the file system of the target keeps nanoseconds: %v", info.ModTime())
				}
				before[i] = info
			}
			s.stop()
			s.start("-r")
			testkit.Eventually(t, limit, "the second full sync is done", func() bool { return strings.Count(s.logged(), "full sync done") == 2 })
			if out := s.ask("--verify"); !strings.Contains(out, "no difference") {
				t.Errorf("--verify: %s", out)
			}
			for i, name := range names {
				if info, err := os.Stat(s.dst + "/" + name); err != nil || !os.SameFile(info, before[i]) {
					t.Errorf("%s was written again there (%v)", name, err)
				}
			}
			for _, text := range []string{"one", "two", "six"} {
				s.must(os.WriteFile(s.src+"/a", []byte(text), 0o644))
				testkit.Eventually(t, limit, text+" is there", func() bool {
					b, _ := os.ReadFile(s.dst + "/a")
					return string(b) == text
				})
			}
		})
	}
}
