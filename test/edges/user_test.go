package edges

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// nobody is the user of an edge that does not run as root.
const nobody = 65534

func asNobody(cmd *exec.Cmd) *exec.Cmd {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return cmd
}

// give makes a user the owner of a directory and everything in it.
func (p *programs) give(dir string, user int) {
	p.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil {
			err = os.Lchown(path, user, user)
		}
		return err
	})
	if err != nil {
		p.Fatal(err)
	}
}

// state describes an edge's directory: for each path the inode, size and time of what is there.
func (p *programs) state(name string) map[string]string {
	p.Helper()
	found := map[string]string{}
	top := p.base + "/" + name + "/tree"
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		found[strings.TrimPrefix(path, top)] = fmt.Sprint(info.Sys().(*syscall.Stat_t).Ino, info.Size(), info.ModTime().UnixNano())
		return nil
	})
	if err != nil {
		p.Fatal(err)
	}
	return found
}

// same tells whether a directory below an edge's directory is unchanged, file by file; "" is the
// whole directory.
func (p *programs) same(name, dir string, was map[string]string) {
	p.Helper()
	is := p.state(name)
	all := map[string]bool{}
	for path := range was {
		all[path] = true
	}
	for path := range is {
		all[path] = true
	}
	for path := range all {
		if (dir == "" || strings.HasPrefix(path, "/"+dir+"/")) && is[path] != was[path] {
			p.Errorf("%q: the edge has made %q of %q", path, is[path], was[path])
		}
	}
}

// checks runs --check, with further options, as the user of an edge.
func (p *programs) checks(name string, more ...string) (status int, out string) {
	p.Helper()
	args := append([]string{"--check", "-o", p.base + "/" + name + "/edge.xml"}, more...)
	cmd := asNobody(exec.CommandContext(p.Context(), testkit.Program(p.T, "sersync-edge"), args...))
	b, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), string(b)
}

// An edge does not run as root, and its directory belongs to another user: at the edge's first
// start, while it runs, or only a directory below. Each time the edge reports which user may not
// write where and what to do. It changes nothing, and goes on by itself when the owner has been
// corrected.
func TestEdgeInADirectoryOfAnotherUser(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root: it runs an edge as another user")
	}
	me := strconv.Itoa(nobody)
	if known, err := user.LookupId(me); err == nil {
		me = known.Username
	}
	p := newPrograms(t)
	base := p.base + "/one"
	tree := base + "/tree"
	p.write(p.source+"/kept", "1", 0o644)
	p.write(p.source+"/changed", "1", 0o644)
	p.write(p.source+"/gone", "1", 0o644)
	p.write(p.source+"/sub/changed", "1", 0o644)
	p.write(p.source+"/sub/gone", "1", 0o644)
	p.write(p.source+"/sub/large", noise(100_000), 0o644)
	p.startSource()
	p.prepareEdge("one")
	p.give(base, nobody)
	p.give(tree, 0)
	cmd := asNobody(exec.Command(testkit.Program(t, "sersync-edge"), "-o", base+"/edge.xml"))
	e := spawn(t, cmd, "sersync-edge")
	t.Cleanup(func() { e.end(syscall.SIGKILL) })
	equal := func() {
		t.Helper()
		p.edgeTells("one", 0, "in sync")
		testkit.WaitEqual(t, p.source, tree, testkit.CompareFor("-rlpt"), patience)
		p.edgeTells("one", 0, "in sync")
		p.tells("edges: 1 in sync", 0, "--status")
	}
	// refuses waits until the edge, and the source as well, report why the edge cannot write to one
	// of its directories.
	refuses := func(dir string) (cause, remedy string) {
		t.Helper()
		cause = fmt.Sprintf("this edge runs as user %s, which may not write to the directory %s of mode 0755", me, dir)
		remedy = fmt.Sprintf("chown %s %s, or run the edge as the directory's owner", me, dir)
		p.edgeTells("one", 2, cause, "permission denied", "remedy: "+remedy)
		p.tells("one: in trouble", 1, "--status")
		p.tells(cause, 1, "--status")
		return cause, remedy
	}
	// whole is refuses for the tree's directory, at which --check --connect looks as well.
	whole := func() {
		t.Helper()
		was := p.state("one")
		cause, remedy := refuses(tree)
		if status, out := p.checks("one", "--connect"); status != 1 || !strings.Contains(out, fmt.Sprintf("ERROR tree www, directory %s: %s (permission denied); %s\n", tree, cause, remedy)) {
			t.Errorf("--check --connect: status %d\n%s", status, out)
		}
		if _, out := p.checks("one"); strings.Contains(out, "in sync") || strings.Contains(out, tree) {
			t.Errorf("--check says more than it has looked at:\n%s", out)
		}
		p.same("one", "", was)
	}

	whole() // before the first file has arrived
	p.give(tree, nobody)
	equal()
	if status, out := p.checks("one", "--connect"); status != 0 {
		t.Errorf("--check --connect: status %d\n%s", status, out)
	}

	// The owner is changed while the edge runs.
	p.give(tree, 0)
	was := p.state("one")
	p.write(p.source+"/changed", "2", 0o644)
	p.write(p.source+"/new/small", "2", 0o644)
	p.write(p.source+"/new/large", noise(200_000), 0o644)
	p.write(p.source+"/sub/large", noise(150_000), 0o644)
	p.drop("gone")
	p.drop("sub/gone")
	whole()
	p.same("one", "", was)
	p.give(tree, nobody)
	equal()

	// The owner of a directory below it is changed.
	p.give(tree+"/sub", 0)
	was = p.state("one")
	p.write(p.source+"/changed", "3", 0o644)
	p.write(p.source+"/sub/changed", "3", 0o644)
	p.write(p.source+"/sub/new", "3", 0o644)
	refuses(tree + "/sub")
	testkit.Eventually(t, patience, "what is elsewhere arrives", func() bool {
		text, err := os.ReadFile(tree + "/changed")
		return err == nil && string(text) == "3"
	})
	p.same("one", "sub", was)
	p.give(tree+"/sub", nobody)
	equal()
	// The same with a file that the edge has to fetch.
	p.give(tree+"/sub", 0)
	was = p.state("one")
	p.write(p.source+"/sub/large", noise(160_000), 0o644)
	refuses(tree + "/sub")
	p.same("one", "sub", was)
	p.give(tree+"/sub", nobody)
	equal()
	if left, err := filepath.Glob(tree + "/.sersync-edge*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}
