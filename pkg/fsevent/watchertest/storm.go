package watchertest

import (
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent"
)

// storm makes, renames, removes, moves out and moves in directories at random,
// with files in them. Errors are part of it: three of these run at a time.
func storm(rng *rand.Rand, root, outside string, steps int) {
	dir := func() string {
		p := root
		for range 1 + rng.IntN(4) {
			p = filepath.Join(p, fmt.Sprint("d", rng.IntN(4)))
		}
		return p
	}
	file := func() string { return filepath.Join(dir(), fmt.Sprint("f", rng.IntN(3))) }
	for n := range steps {
		switch rng.IntN(15) {
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
		case 11, 12:
			os.WriteFile(file(), fmt.Append(nil, rng.Uint64(), n), 0o600)
		case 13:
			unix.Rename(file(), file())
		case 14:
			os.Remove(file())
		}
	}
}

func runStorm(t *testing.T, r *Running, seed uint64, outside string, steps int) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range uint64(3) {
		wg.Go(func() { storm(rand.New(rand.NewPCG(seed, i)), r.Root, outside, steps) })
	}
	wg.Wait()
}

// Who looks at the disk at each event has seen everything in the end, and nothing that
// is not there.
func (b Backend) testStorm(t *testing.T) {
	for seed := range seeds() {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			base := t.TempDir()
			root, outside := Mkdir(t, base, "root"), Mkdir(t, base, "outside")
			w := newOnlooker(root)
			r := b.Launch(t, root, Options{CloseWrite: true}, &Told{See: w.look, Scan: w.scan})
			r.Want("root watched", 1)
			for round := range uint64(3) {
				runStorm(t, r, seed*100+round, outside, 400)
				r.Audit(nil)
				r.Agree("not seen as it is", w.compare)
			}
		})
	}
}

// Directories come under names that are not watched, and leave them again: who
// looks at the disk at each event, and at nothing else, has seen everything in
// the end.
func (b Backend) testStormAcrossSkippedNames(t *testing.T) {
	skip := func(rel string) bool {
		return rel == "d0/d1" || strings.HasPrefix(rel, "d0/d1/") || slices.Contains(strings.Split(rel, "/"), "d3")
	}
	for seed := range seeds() {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			base := t.TempDir()
			root, outside := Mkdir(t, base, "root"), Mkdir(t, base, "outside")
			w := newOnlooker(root)
			w.skip = skip
			r := b.Launch(t, root, Options{CloseWrite: true, Skip: skip}, &Told{See: w.look, Scan: w.scan})
			r.Want("root watched", 1)
			for round := range uint64(3) {
				runStorm(t, r, seed*100+round, outside, 400)
				r.Audit(skip)
				r.Agree("not seen as it is", w.compare)
			}
		})
	}
}

// onlooker knows of the tree what a look at the disk shows at each event.
type onlooker struct {
	root string
	skip func(rel string) bool

	mu   sync.Mutex
	seen map[string]string // content by path; "dir" for a directory
}

func newOnlooker(root string) *onlooker {
	return &onlooker{root: root, skip: func(string) bool { return false }, seen: map[string]string{}}
}

// scan looks at everything.
func (o *onlooker) scan() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = o.onDisk("", true)
	if o.seen == nil {
		o.seen = map[string]string{}
	}
}

func (o *onlooker) look(e fsevent.Event) {
	if e.Path == "" || o.skip(e.Path) || e.Dir && !e.Covered && (e.Op == fsevent.Create || e.Op == fsevent.MovedTo) {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.onDisk(e.Path, e.Dir)
	gone := e.Path
	if now == nil {
		for p := path.Dir(gone); p != "." && !o.exists(p); p = path.Dir(p) {
			gone = p
		}
	}
	if now[e.Path] != "dir" || e.Dir {
		maps.DeleteFunc(o.seen, func(p, _ string) bool { return p == gone || strings.HasPrefix(p, gone+"/") })
	}
	maps.Copy(o.seen, now)
}

func (o *onlooker) exists(rel string) bool {
	_, err := os.Lstat(filepath.Join(o.root, rel))
	return err == nil
}

// onDisk returns what is at rel, with all below it if deep; nil for nothing.
func (o *onlooker) onDisk(rel string, deep bool) map[string]string {
	found := map[string]string{}
	_ = filepath.WalkDir(filepath.Join(o.root, rel), func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it is going
		}
		at, _ := filepath.Rel(o.root, full)
		switch {
		case at != "." && o.skip(at):
		case !d.IsDir():
			if text, err := os.ReadFile(full); err == nil {
				found[at] = string(text)
			}
			return nil
		default:
			if at != "." {
				found[at] = "dir"
			}
			if deep {
				return nil
			}
		}
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
	if len(found) == 0 {
		return nil
	}
	return found
}

func (o *onlooker) compare() (diff []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	disk := o.onDisk("", true)
	for p, text := range disk {
		if have, ok := o.seen[p]; !ok {
			diff = append(diff, "never seen: "+p)
		} else if have != text {
			diff = append(diff, "seen otherwise: "+p)
		}
	}
	for p := range o.seen {
		if _, ok := disk[p]; !ok {
			diff = append(diff, "seen last, but gone: "+p)
		}
	}
	slices.Sort(diff)
	return diff
}

// seeds is how many storms run: STORMS raises it for a long search.
func seeds() uint64 {
	n, err := strconv.ParseUint(os.Getenv("STORMS"), 10, 32)
	if err != nil {
		return 4
	}
	return n
}
