package position

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/brake"
	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/edge/backlog"
)

func open(t *testing.T) *File {
	t.Helper()
	f, err := Open(t.TempDir(), "www")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestSavedIsLoaded(t *testing.T) {
	f := open(t)
	if _, err := f.Load(); !errors.Is(err, ErrNew) {
		t.Fatal(err)
	}
	mark := backlog.Mark{Sequence: 7, Generation: 5}
	want := Position{
		Epoch: change.Epoch{1, 2, 3}, Known: true, Taken: backlog.Mark{Sequence: 1 << 60, Generation: 9}, Dir: "/srv/\xff",
		Directory: brake.Identity{Root: brake.Place{Ino: 5, Entries: 2}},
		Pending: []backlog.Item{
			{Entry: change.Entry{State: change.Tree, Exact: true}, Since: mark, Needs: 8},
			{Entry: change.Entry{Path: "d\xff\n", State: change.Dir, Mode: unix.S_IFDIR | 0o755, UID: 1, GID: 2, ModTime: -3}, Wipe: true, Since: mark},
			{Entry: change.Entry{Path: "f", State: change.File, Mode: unix.S_IFREG | 0o644, Size: 4, Fetch: true}, Since: mark},
			{Entry: change.Entry{Path: "g", State: change.Gone}, Since: mark},
			{Entry: change.Entry{Path: "l", State: change.Link, Target: "\xfe"}, Since: mark},
			{Entry: change.Entry{Path: "s", State: change.Special, Mode: unix.S_IFCHR | 0o600, Rdev: 0x103}, Since: mark},
		},
	}
	if err := f.Save(want); err != nil {
		t.Fatal(err)
	}
	got, err := f.Load()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// A state that cannot be read is an error: the edge is not taken for a new one.
func TestDamageIsSaid(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "cut": `{"version":1`, "later": `{"version":2}`, "epoch": `{"version":1,"epoch":"x"}`,
		"path": `{"version":1,"pending":[{"path":"../x","state":5}]}`, "state": `{"version":1,"pending":[{"path":"x","state":99}]}`,
	} {
		f := open(t)
		if err := os.WriteFile(filepath.Join(f.Dir(), "position.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Load(); err == nil || errors.Is(err, ErrNew) || !strings.Contains(err.Error(), "remove the file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"version":1,"epoch":"00000000000000000000000000000000","pending":[{"path":"x","state":5}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decode(data)
		if err != nil {
			return
		}
		for _, i := range p.Pending {
			if err := i.Entry.Check(); err != nil {
				t.Error(err)
			}
		}
	})
}
