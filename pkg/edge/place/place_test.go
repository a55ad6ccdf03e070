package place

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/brake"
	"github.com/sersync/sersync/pkg/edge/trouble"
)

func TestNew(t *testing.T) {
	base := t.TempDir()
	for _, d := range []string{"empty", "full", "full/d"} {
		if err := os.Mkdir(base+"/"+d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(base+"/file", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dir   string
		adopt bool
		want  string
	}{
		{"empty", false, ""}, {"full", true, ""}, {"full", false, "is not empty"}, {"none", true, "does not exist"}, {"file", true, "is no directory"},
	} {
		_, err := New(base+"/"+c.dir, c.adopt)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s, adopt %v: %v", c.dir, c.adopt, err)
		}
		if told, ok := errors.AsType[*trouble.Error](err); err != nil && (!ok || told.Remedy == "") {
			t.Errorf("%s: %v has no remedy", c.dir, err)
		}
	}
}

func TestKnown(t *testing.T) {
	base := t.TempDir()
	dir := base + "/tree"
	if err := os.MkdirAll(dir+"/d", 0o755); err != nil {
		t.Fatal(err)
	}
	first, err := New(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	verdict, next, err := Known(dir, first)
	if err != nil || !verdict.OK() {
		t.Fatal(verdict, err)
	}
	// The directory is empty. A path that a message reports as gone may be deleted; a path that
	// only a comparison finds missing may not.
	if err := os.Remove(dir + "/d"); err != nil {
		t.Fatal(err)
	}
	verdict, _, err = Known(dir, next)
	if err != nil || !verdict.Holds("x") || verdict.HoldsEvent("x") {
		t.Errorf("%+v, %v", verdict, err)
	}
	// Another directory is at the path, as when a disk is not mounted.
	if err := os.Rename(dir, base+"/away"); err != nil {
		t.Fatal(err)
	}
	if _, kept, err := Known(dir, next); err == nil || kept.IsZero() {
		t.Errorf("gone: %v", err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	verdict, kept, err := Known(dir, next)
	if err == nil || !strings.Contains(err.Error(), "mount it again") || verdict.OK() {
		t.Errorf("another one: %v", err)
	}
	if brake.Compare(kept, next).Held != nil {
		t.Error("the other directory is taken over")
	}
}

func TestTwoEdges(t *testing.T) {
	dir := t.TempDir()
	first, err := Take(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Take(dir); err == nil || !strings.Contains(err.Error(), "another edge") {
		t.Errorf("a second edge: %v", err)
	}
	first.Release()
	second, err := Take(dir)
	if err != nil {
		t.Fatal(err)
	}
	second.Release()
}
