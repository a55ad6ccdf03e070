package session

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sersync/sersync/pkg/transport"
)

func (b *bed) put(name string) {
	b.Helper()
	file := filepath.Join(b.src, name)
	must(b.T, os.MkdirAll(filepath.Dir(file), 0o755))
	must(b.T, os.WriteFile(file, []byte(name), 0o644))
}

// If a run sends all files of a large directory, rsync is given the name of the directory, unless
// it contains something that was not to be sent.
func TestAllOfADirectoryIsNamedAtOnce(t *testing.T) {
	b := newBed(t, nil)
	b.put("keep")
	var names []string
	for i := range 3 * wholeLeast {
		name := fmt.Sprintf("d/e/%d", i)
		b.put(name)
		names = append(names, name)
	}
	b.put("d/other")
	names = append(names, "d/e", "keep")
	batch := b.batch()
	batch.Caps.ConfineRoot = true // as the client of release 3.5 does
	run := b.run(batch)
	want := []string{"keep", "d/e/"}
	if got := whole(b.opt.Root, run, names); !slices.Equal(got, want) {
		t.Errorf("whole: %q, want %q", got, want)
	}
	b.put("d/e/not dirty")
	if got := whole(b.opt.Root, run, names); !slices.Equal(got, names) {
		t.Errorf("a file that is not dirty goes along: %q", got)
	}
	must(t, os.Remove(b.src+"/d/e/not dirty"))
	must(t, os.Remove(b.src+"/d/e/0"))
	if got := whole(b.opt.Root, run, names); !slices.Equal(got, names) {
		t.Errorf("a file that is gone is not asked for: %q", got)
	}
	b.put("d/e/0")
	must(t, os.Rename(b.src+"/d/e", b.src+"/d/f"))
	must(t, os.Symlink("f", b.src+"/d/e"))
	if got := whole(b.opt.Root, run, names); !slices.Equal(got, names) {
		t.Errorf("a link is followed: %q", got)
	}
	must(t, os.Remove(b.src+"/d/e"))
	must(t, os.Rename(b.src+"/d/f", b.src+"/d/e"))
	if got := whole(b.opt.Root, b.run(b.batch()), names); !slices.Equal(got, names) {
		t.Errorf("without --confine-root a directory that becomes a link would be followed: %q", got)
	}
	if trip, err := b.Do(t.Context(), transport.Call{Batch: b.batch(), Names: names, Whole: true}); err != nil || trip.Result.Class != transport.Done {
		t.Errorf("%v, %v", trip.Result, err)
	}
	for _, n := range names {
		if _, err := os.Stat(filepath.Join(b.dst, n)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(b.dst + "/d/other"); err == nil {
		t.Error("a file that was not named has been sent")
	}
}
