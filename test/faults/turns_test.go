package faults

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// TestFilesWithoutEnd: on this link one user's file would take days and another user's some
// minutes. Neither small files nor other large ones wait for them.
func TestFilesWithoutEnd(t *testing.T) {
	t.Parallel()
	s := newScene(t, func(s *scene) { s.set.Params = "-artuS --bwlimit=4000" })
	s.write("f")
	s.mirror()
	sparse := func(name string, size int64) {
		s.must(os.MkdirAll(filepath.Dir(s.src+"/"+name), 0o755))
		f, err := os.Create(s.src + "/" + name)
		s.must(err)
		s.must(f.Truncate(size))
		s.must(f.Close())
	}
	sparse("evil/days", 1<<42)
	sparse("slow/minutes", 1<<30)
	testkit.Eventually(t, limit, "both are on their way", func() bool {
		on, err := filepath.Glob(s.dst + "/*/.*.??????")
		return err == nil && len(on) == 2
	})
	s.write("good/small")
	s.arrives("good/small")
	sparse("good/large", 12<<20)
	testkit.Eventually(t, limit, "the large file is there", func() bool {
		info, err := os.Stat(s.dst + "/good/large")
		return err == nil && info.Size() == 12<<20
	})
	s.do(testkit.Op{"rm", "evil/days"}, testkit.Op{"rm", "slow/minutes"})
	s.killRuns()
	s.equal()
}
