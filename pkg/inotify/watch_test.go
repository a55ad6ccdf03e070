package inotify

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/fsevent/watchertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func backend() watchertest.Backend {
	options := func(o watchertest.Options) Options {
		opt := Options{CloseWrite: o.CloseWrite, Modify: o.Modify, Attrib: o.Attrib}
		if o.Skip != nil {
			opt.Skip = func(rel string, _ bool) bool { return o.Skip(rel) }
		}
		return opt
	}
	return watchertest.Backend{
		New: func(root string, o watchertest.Options) (fsevent.Watcher, error) { return New(root, options(o)) },
		Short: func(t testing.TB, events int, root string, o watchertest.Options) (fsevent.Watcher, error) {
			opt := options(o)
			opt.kernel = shortQueue(t, events)
			return New(root, opt)
		},
		Settled: settled, Differs: differs,
	}
}

func TestSuite(t *testing.T) { backend().Suite(t) }

// With createFolder=false a new directory is not watched, and a directory that was moved in is.
func TestSkipOfWhatAppears(t *testing.T) {
	text, err := os.ReadFile("testdata/skip-created.txt")
	if err != nil {
		t.Fatal(err)
	}
	b := backend()
	b.New = func(root string, o watchertest.Options) (fsevent.Watcher, error) {
		return New(root, Options{CloseWrite: true, Skip: func(_ string, appeared bool) bool { return appeared }})
	}
	b.Script(t, string(text), watchertest.Options{})
}

// running is a watcher that runs for a test.
type running struct {
	*watchertest.Running
	*Watcher
}

// Stats returns those of the watcher.
func (r *running) Stats() fsevent.Stats { return r.Watcher.Stats() }

// start runs a watcher and waits until its watches are set.
func start(t testing.TB, root string, opt Options) *running {
	t.Helper()
	r := launch(t, root, opt, &watchertest.Told{})
	r.Want("root watched", 1)
	return r
}

func launch(t testing.TB, root string, opt Options, k *watchertest.Told) *running {
	t.Helper()
	w, err := New(root, opt)
	if err != nil {
		t.Fatal(err)
	}
	return adopt(t, w, root, k)
}

func adopt(t testing.TB, w *Watcher, root string, k *watchertest.Told) *running {
	t.Helper()
	return &running{backend().Run(t, w, root, k), w}
}

// settled tells whether the watcher has nothing left to do.
func settled(w fsevent.Watcher) bool {
	s := w.(*Watcher).cur.Load()
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.jobs.idle() && !s.repair.wanted && !s.repair.underWay() &&
		len(s.t.limbo)+len(s.t.doomed)+len(s.out) == 0 && s.t.epoch-s.t.placed >= 2 && watchertest.Queued(s.inst.FD) == 0
}

// differs returns the differences between the watch table and the disk.
func differs(watcher fsevent.Watcher, root string, skip func(rel string) bool) []string {
	s := watcher.(*Watcher).cur.Load()
	if s == nil {
		return []string{"no session"}
	}
	var diff []string
	disk := map[string]int32{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		if rel == "." {
			rel = ""
		} else if skip != nil && skip(rel) {
			return fs.SkipDir
		}
		disk[rel] = 0
		return nil
	})
	if err != nil {
		diff = append(diff, err.Error())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	table := map[string]int32{}
	for n := range int32(s.t.size) {
		if s.t.at(n).flags&flagUsed == 0 {
			continue
		}
		path, ok := s.t.appendPath(nil, n)
		if !ok {
			diff = append(diff, fmt.Sprintf("wd %d has no place", s.t.at(n).wd))
			continue
		}
		table[string(path)] = s.t.at(n).wd
	}
	for rel := range disk {
		wd, ok := table[rel]
		if !ok {
			diff = append(diff, "not watched: "+rel)
			continue
		}
		mask := s.w.opt.mask()
		if rel == "" {
			mask |= rootOnly
		}
		real, err := unix.InotifyAddWatch(s.inst.FD, filepath.Join(root, rel), mask)
		if err != nil || int32(real) != wd {
			diff = append(diff, fmt.Sprintf("%s: wd %d in the table, %d on disk (%v)", rel, wd, real, err))
		}
	}
	for rel := range table {
		if _, ok := disk[rel]; !ok {
			diff = append(diff, "stale: "+rel)
		}
	}
	if int64(len(table)) != s.w.count.watches.Load() {
		diff = append(diff, fmt.Sprintf("%d watches counted, %d in the table", s.w.count.watches.Load(), len(table)))
	}
	slices.Sort(diff)
	return diff
}

// The number of entries is known as soon as the watches are set.
func TestEntriesAreCounted(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"a", "a/b", "c"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, dir, "f"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := start(t, root, Options{})
	if n := r.Stats().Entries; n != 6 {
		t.Errorf("%d entries, want 6", n)
	}
}
