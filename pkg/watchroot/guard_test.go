package watchroot

import (
	"os"
	"slices"
	"testing"

	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/status"
)

// TestADirectoryThatIsGone: while the directory is gone it is neither looked at nor compared; once
// there is a directory again, all of it is compared.
func TestADirectoryThatIsGone(t *testing.T) {
	dir := t.TempDir() + "/root"
	write(t, dir+"/f")
	r := rootOf(dir, "a")
	r.watch.serve(r)
	r.watch.Root(fsevent.RootWatched)
	if !r.Begin(t.Context()) || r.guard.held("f", false) != "" {
		t.Error("a directory that is there is held")
	}
	if err := os.Rename(dir, dir+".aside"); err != nil {
		t.Fatal(err)
	}
	r.watch.Root(fsevent.RootGone)
	if s := r.Snapshot(); s.State != status.RootGone || s.Remedy == "" {
		t.Errorf("%+v", s)
	}
	if r.guard.open() != nil || !r.guard.gone() || !r.guard.hidden() {
		t.Error("a root whose directory is gone is still used")
	}
	write(t, dir+"/other")
	r.watch.Root(fsevent.RootBack)
	if s := r.Snapshot(); s.State != status.RootBraked {
		t.Errorf("another directory stands there: %+v", s)
	}
	if r.guard.held("f", false) == "" {
		t.Error("files that another directory lacks are deleted")
	}
	if since, holds := r.scans.wanted(); !since.Equal(everything) || holds != 1 {
		t.Errorf("wanted: a scan since %v for %d", since, holds)
	}
	if got := r.Strange(); !slices.Equal(got, []string{""}) {
		t.Errorf("strange: %q", got)
	}
	if err := r.Accept(); err != nil {
		t.Fatal(err)
	}
	if s := r.Snapshot(); s.State != status.RootWatched || r.guard.held("f", false) != "" || r.guard.hidden() {
		t.Errorf("the operator has accepted it: %+v", s)
	}
}

// TestAnotherDirectoryAtThePath: another directory at the root's path is not opened in its place.
func TestAnotherDirectoryAtThePath(t *testing.T) {
	dir := t.TempDir() + "/root"
	write(t, dir+"/f")
	r := rootOf(dir)
	r.watch.serve(r)
	r.watch.Root(fsevent.RootWatched)
	if err := os.Rename(dir, dir+".aside"); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/f")
	if r.guard.open() != nil {
		t.Error("another directory is opened as the root")
	}
	if fd, done := r.guard.descriptor(); fd >= 0 {
		done()
		t.Error("another directory is looked at as the root")
	}
	if _, err := r.OpenBelow(""); err == nil {
		t.Error("another directory is listed as the root")
	}
}

// TestARecreatedDirectory: where the configuration allows it, deletions are not held for a
// directory that was made anew, and all of it is compared.
func TestARecreatedDirectory(t *testing.T) {
	dir := t.TempDir() + "/root"
	write(t, dir+"/f")
	o := options(dir)
	o.Local.Recreated = true
	r := opened(New(o), nil, "a")
	r.watch.serve(r)
	r.watch.Root(fsevent.RootWatched)
	r.Begin(t.Context())
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	r.watch.Root(fsevent.RootGone)
	write(t, dir+"/other")
	r.watch.Root(fsevent.RootBack)
	if s := r.Snapshot(); s.State != status.RootWatched || r.guard.held("f", false) != "" {
		t.Errorf("%+v", s)
	}
	if got := r.Strange(); !slices.Equal(got, []string{""}) {
		t.Errorf("strange: %q", got)
	}
}
