package fetch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/edge/backlog"
	"github.com/sersync/sersync/pkg/edge/edgexml"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// scene is an rsync daemon with one module, and the directory of an edge.
type scene struct {
	source, dir string
	puller      *Puller
}

func newScene(t *testing.T) *scene {
	t.Helper()
	base := t.TempDir()
	must(t, os.Chmod(filepath.Dir(base), 0o755))
	s := &scene{source: base + "/source", dir: base + "/edge"}
	must(t, os.Mkdir(s.dir, 0o755))
	secret := base + "/password"
	must(t, os.WriteFile(secret, []byte("right\n"), 0o600))
	d := testkit.Rsyncd(t, testkit.RsyncdConf{Secrets: map[string]string{"edge": "right"}, Modules: []testkit.Module{
		{Name: "tree", Path: s.source, Options: []string{"read only = yes", "auth users = edge"}},
		{Name: "full", Path: s.source, Options: []string{"max connections = -1"}},
	}})
	launcher := child.NewLauncher(os.Environ(), nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- launcher.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		must(t, <-ended)
	})
	up := func(module string, mirror string) edgexml.Upstream {
		u := edgexml.Upstream{Host: "127.0.0.1", Port: d.Port(), Module: module, Mirror: mirror, Line: 7}
		if module == "tree" {
			u.User, u.PasswordFile = "edge", secret
		}
		return u
	}
	s.puller = &Puller{
		Launcher: launcher, Program: "rsync", Dir: s.dir, Options: Options{Root: os.Getuid() == 0, Replace: true},
		Upstreams: []edgexml.Upstream{up("full", ""), up("nosuch", ""), up("tree", "m")},
		Announced: func(string) (uint64, bool) { return 5, true },
	}
	return s
}

func (s *scene) write(t *testing.T, dir, path, content string) *backlog.Item {
	t.Helper()
	at := filepath.Join(dir, path)
	must(t, os.MkdirAll(filepath.Dir(at), 0o755))
	must(t, os.WriteFile(at, []byte(content), 0o644))
	var st unix.Stat_t
	must(t, unix.Lstat(at, &st))
	return &backlog.Item{Needs: 5, Entry: change.Entry{Path: path, State: change.File, Fetch: true, Size: st.Size, ModTime: st.Mtim.Nano()}}
}

func (s *scene) has(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	must(t, filepath.WalkDir(s.dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			got = append(got, strings.TrimPrefix(path, s.dir+"/"))
		}
		return err
	}))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the edge has %q, want %q", got, want)
	}
}

// When an upstream fails, the next one is tried. When a run has fetched only a part, the rest is
// fetched by name.
func TestFilesAreFetched(t *testing.T) {
	s := newScene(t)
	items := []*backlog.Item{s.write(t, s.source, "a", "1"), s.write(t, s.source, "d/b\n\xff", "22")}
	missing := &backlog.Item{Needs: 5, Entry: change.Entry{Path: "no", State: change.File, Fetch: true}}
	got := s.puller.Pull(t.Context(), append(items, missing))
	if !slices.Equal(got.Failed, []*backlog.Item{missing}) || got.Err == nil || !strings.Contains(got.Err.Error(), "line 7") {
		t.Errorf("%+v", got)
	}
	s.has(t, "a", "d/b\n\xff")
	var changed []string
	for _, c := range got.Changed {
		changed = append(changed, c.Path)
	}
	if !slices.Contains(changed, "a") || !slices.Contains(changed, "d/b\n\xff") || !slices.Contains(changed, "d") {
		t.Errorf("changed %q", changed)
	}
	if got := s.puller.Pull(t.Context(), items); got.Err != nil || got.Failed != nil || len(got.Changed) != 0 {
		t.Errorf("again: %+v", got)
	}
}

// Where the source has a directory and the edge has a link, the link is replaced and never
// followed.
func TestLinksAreNotFollowed(t *testing.T) {
	s := newScene(t)
	outside := t.TempDir()
	must(t, os.Symlink(outside, s.dir+"/d"))
	item := s.write(t, s.source, "d/f", "1")
	if got := s.puller.Pull(t.Context(), []*backlog.Item{item}); got.Err != nil {
		t.Fatal(got.Err)
	}
	s.has(t, "d/f")
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("written outside: %v, %v", left, err)
	}
}

func TestTree(t *testing.T) {
	s := newScene(t)
	s.write(t, s.source, "a", "1")
	s.write(t, s.source, "d/e/f", "1")
	must(t, os.Symlink("a", s.source+"/l"))
	s.write(t, s.dir, "mine", "1")
	for _, tree := range []string{"d", ""} {
		item := &backlog.Item{Needs: 5, Entry: change.Entry{Path: tree, State: change.Tree}}
		if got := s.puller.Pull(t.Context(), []*backlog.Item{item}); got.Err != nil {
			t.Fatal(got.Err)
		}
	}
	s.has(t, "a", "d/e/f", "l", "mine")
}

func TestExtras(t *testing.T) {
	s := newScene(t)
	s.write(t, s.source, "a", "1")
	s.write(t, s.source, "d/f", "1")
	s.write(t, s.dir, "a", "other")
	s.write(t, s.dir, "d/mine/x", "1")
	s.write(t, s.dir, "mine", "1")
	s.write(t, s.dir, Directory+"/half", "1")
	for dir, want := range map[string][]string{"": {"mine", "d/mine/x", "d/mine"}, "d": {"d/mine/x", "d/mine"}, "no": nil} {
		got, err := s.puller.Extras(t.Context(), dir, 5)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", dir, got, err, want)
		}
	}
	s.has(t, "a", "d/mine/x", "mine", Directory+"/half")
	must(t, os.RemoveAll(s.source))
	if got, err := s.puller.Extras(t.Context(), "", 5); err == nil {
		t.Errorf("the module's path is gone: %q", got)
	}
}

func TestNoUpstream(t *testing.T) {
	s := newScene(t)
	item := s.write(t, s.source, "a", "1")
	s.puller.Upstreams = s.puller.Upstreams[2:]
	item.Needs = 6
	if got := s.puller.Pull(t.Context(), []*backlog.Item{item}); !errors.Is(got.Err, ErrNoUpstream) || len(got.Failed) != 1 {
		t.Errorf("%+v", got)
	}
}

// A file that the receiving rsync may not write is distinguished from one that the sending rsync
// may not read.
func TestWhoMayNot(t *testing.T) {
	for line, want := range map[string]string{
		`rsync: [receiver] rename "/t/.sersync-edge.fetch/f.x" -> "d/f": Permission denied (13)`:            `rename "/t/.sersync-edge.fetch/f.x" -> "d/f"`,
		`rsync: [generator] recv_generator: mkdir "/t/d/n" failed: Permission denied (13)`:                  `recv_generator: mkdir "/t/d/n" failed`,
		`rsync: [generator] failed to set permissions on "/t/d/f": Operation not permitted (1)`:             `failed to set permissions on "/t/d/f"`,
		`rsync: mkstemp "/t/.sersync-edge.fetch/.f.x" failed: Permission denied (13)`:                       `mkstemp "/t/.sersync-edge.fetch/.f.x" failed`,
		`rsync: [sender] send_files failed to open "/d/f" (in tree): Permission denied (13)`:                "",
		`rsync: send_files failed to open "/d/f" (in tree): Permission denied (13)`:                         "",
		`rsync: [receiver] write failed on "/t/.sersync-edge.fetch/.f.x": No space left on device (28)`:     "",
		`rsync: opendir "/d" (in tree) failed: Permission denied (13)`:                                      "",
		`rsync: [sender] opendir "/d" (in tree) failed: Permission denied (13)`:                             "",
		`rsync: [sender] send_files failed to open "/a: Permission denied (13)" (in tree): I/O failure (5)`: "",
	} {
		if said := forbiddenHere("rsync error: x\n" + line + "\nrsync error: y"); said != want {
			t.Errorf("%s: %q", line, said)
		}
	}
}
