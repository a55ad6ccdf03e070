package inotify

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// storm makes, renames, removes, moves out and moves in directories at random.
// Errors are part of it: three of these run at a time.
func storm(rng *rand.Rand, root, outside string, steps int) {
	dir := func() string {
		p := root
		for range 1 + rng.IntN(4) {
			p = filepath.Join(p, fmt.Sprint("d", rng.IntN(4)))
		}
		return p
	}
	for range steps {
		switch rng.IntN(11) {
		case 0, 1, 2:
			os.MkdirAll(dir(), 0o755)
		case 3, 4, 5:
			unix.Rename(dir(), dir())
		case 6:
			os.Remove(dir())
		case 7:
			os.RemoveAll(dir())
		case 8:
			unix.Rename(dir(), filepath.Join(outside, fmt.Sprint(rng.IntN(6))))
		case 9:
			unix.Renameat2(unix.AT_FDCWD, dir(), unix.AT_FDCWD, dir(), unix.RENAME_EXCHANGE)
		case 10:
			unix.Rename(filepath.Join(outside, fmt.Sprint(rng.IntN(6))), dir())
		}
	}
}

func runStorm(t *testing.T, r *running, seed uint64, outside string, steps int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range uint64(3) {
		wg.Go(func() { storm(rand.New(rand.NewPCG(seed, i)), r.root, outside, steps) })
	}
	wg.Wait()
}

func TestStormLeavesNoHoleAndNoStalePath(t *testing.T) {
	for seed := range seeds() {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			base := t.TempDir()
			root, outside := mkdir(t, base, "root"), mkdir(t, base, "outside")
			r := start(t, root, Options{})
			for round := range uint64(3) {
				runStorm(t, r, seed*100+round, outside, 400)
				r.audit(nil)
			}
		})
	}
}

// seeds is how many storms run: STORMS raises it for a long search.
func seeds() uint64 {
	n, err := strconv.ParseUint(os.Getenv("STORMS"), 10, 32)
	if err != nil {
		return 4
	}
	return n
}
