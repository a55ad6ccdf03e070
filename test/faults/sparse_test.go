package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// TestSparse: a large sparse file grows while it is sent. Small files do not wait for it. At the
// end it is the same on the target, and sparse there, too.
func TestSparse(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	size, step, speed := int64(512)<<20, int64(8)<<20, 60_000
	if os.Getenv(soakEnv) != "" {
		size, step, speed = 5<<30, 64<<20, 400_000
	}
	s := newScene(t, func(s *scene) { s.set.Params = fmt.Sprintf("-artu --sparse --bwlimit=%d", speed) })
	s.write("f")
	s.mirror()
	s.equal()
	s.grow("large", size)
	began := time.Now()
	testkit.Eventually(t, limit, "it is on its way", func() bool {
		temporary, err := filepath.Glob(s.dst + "/.large.*") // the size of the temporary file does not show the holes
		return err == nil && len(temporary) > 0
	})
	for i := range 5 {
		s.grow("large", step)
		small := fmt.Sprintf("small%d", i)
		s.write(small)
		written := time.Now()
		s.arrives(small)
		t.Logf("a small file there after %.2f s", time.Since(written).Seconds())
		if s.has("large") {
			t.Fatalf("the large file was there %.1f s after it began: nothing was shown", time.Since(began).Seconds())
		}
	}
	same := func() bool {
		here, err1 := os.Stat(s.src + "/large")
		there, err2 := os.Stat(s.dst + "/large")
		return err1 == nil && err2 == nil && here.Size() == there.Size() && here.ModTime().Equal(there.ModTime())
	}
	testkit.Eventually(t, 10*limit, "the large file is there", same)
	t.Logf("all there after %.1f s", time.Since(began).Seconds())
	s.stays()
	info, err := os.Stat(s.dst + "/large")
	s.must(err)
	if used := info.Sys().(*syscall.Stat_t).Blocks * 512; used > size/4 {
		t.Errorf("a file of %d bytes uses %d on the target: its holes were filled", info.Size(), used)
	}
	if n := s.rsync.FullSyncs(); n != 1 {
		t.Errorf("%d full syncs, want the one of -r", n)
	}
}

// grow makes a file longer by a hole, and writes some bytes after the hole.
func (s *scene) grow(name string, by int64) {
	s.t.Helper()
	f, err := os.OpenFile(s.src+"/"+name, os.O_WRONLY|os.O_CREATE, 0o644)
	s.must(err)
	info, err := f.Stat()
	s.must(err)
	_, err = f.WriteAt(random(64<<10), info.Size()+by)
	s.must(err)
	s.must(f.Close())
}
