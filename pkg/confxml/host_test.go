package confxml_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sersync/sersync/pkg/confxml"
)

// hostConfig is a configuration whose files and directories exist below dir.
func hostConfig(t *testing.T, dir string) confxml.Config {
	t.Helper()
	for _, d := range []string{"src", "log"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "pass"), "secret\n", 0o600)
	return confxml.Config{
		File:    filepath.Join(dir, "c.xml"),
		FailLog: confxml.FailLog{Path: filepath.Join(dir, "log/f.sh"), Line: 9},
		LocalPaths: []confxml.LocalPath{{Watch: filepath.Join(dir, "src"), Line: 3, Remotes: []confxml.Remote{
			{IP: "h", Name: "m", Line: 4, PasswordFile: filepath.Join(dir, "pass")},
		}}},
	}
}

func write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

// TestCheckHost makes one change to a sound configuration and expects one problem. Each case runs
// in a directory of its own, which is also the working directory.
func TestCheckHost(t *testing.T) {
	type config = confxml.Config
	second := func(c *config, watch string, m ...confxml.Remote) {
		c.LocalPaths = append(c.LocalPaths, confxml.LocalPath{Watch: watch, Line: 6, Remotes: m})
	}
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, c *config)
		words  []string // the words of the problem; empty: there is none
		fatal  bool
	}{
		{"sound", func(*testing.T, *config) {}, nil, false},
		{"relative", func(_ *testing.T, c *config) { c.LocalPaths[0].Watch = "src/" }, nil, false},
		{"link", func(t *testing.T, c *config) { link(t, "src", "ln"); c.LocalPaths[0].Watch = "ln" }, nil, false},
		{"missing", func(_ *testing.T, c *config) { c.LocalPaths[0].Watch = "none" }, []string{":3:", "none does not exist"}, true},
		{"file", func(_ *testing.T, c *config) { c.LocalPaths[0].Watch = "pass" }, []string{"pass is not a directory"}, true},
		{"below a file", func(_ *testing.T, c *config) { c.LocalPaths[0].Watch = "pass/x" }, []string{"is not a directory"}, true},
		{"loop", func(t *testing.T, c *config) { link(t, "loop", "loop"); c.LocalPaths[0].Watch = "loop" }, []string{":3:", "loop"}, true},
		{"hostile name", func(_ *testing.T, c *config) { c.LocalPaths[0].Watch = "a\nb\xff" }, []string{`"a\nb\xff" does not exist`}, true},
		{"root", func(_ *testing.T, c *config) { c.LocalPaths[0].Watch = "//." }, []string{"root of the whole system", "allowroot"}, true},
		{"root by link", func(t *testing.T, c *config) { link(t, "/", "r"); c.LocalPaths[0].Watch = "r" }, []string{"root of the whole system"}, true},
		{"root allowed", func(_ *testing.T, c *config) {
			c.LocalPaths[0].Watch, c.LocalPaths[0].AllowRoot, c.FailLog.Path = "/", true, ""
		}, nil, false},
		{"fail log inside", func(_ *testing.T, c *config) { c.FailLog.Path = "src/f.sh" }, []string{":9:", "src/f.sh is inside the watched"}, true},
		{"fail log deep inside", func(t *testing.T, c *config) { mkdir(t, "src/d/e"); c.FailLog.Path = "src/d/e/f.sh" }, []string{"inside the watched"}, true},
		{"fail log by link", func(t *testing.T, c *config) { link(t, "src", "ln"); c.FailLog.Path = "ln/f.sh" }, []string{"inside the watched"}, true},
		{"fail log by dots", func(_ *testing.T, c *config) { c.FailLog.Path = "log/../src/f.sh" }, []string{"inside the watched"}, true},
		{"fail log beside", func(t *testing.T, c *config) { mkdir(t, "src2"); c.FailLog.Path = "src2/f.sh" }, nil, false},
		{"fail log nowhere", func(_ *testing.T, c *config) { c.FailLog.Path = "none/f.sh" }, []string{"directory of none/f.sh does not exist"}, false},
		{"fail log is a directory", func(t *testing.T, c *config) { mkdir(t, "f.sh"); c.FailLog.Path = "f.sh" }, []string{":9:", "f.sh is a directory: no fail script"}, false},
		{"state is a file", func(_ *testing.T, c *config) { c.State.Dir = "pass" }, []string{"state@dir: pass is not a directory"}, false},
		{"log inside", func(_ *testing.T, c *config) { c.Log.File = "src/l" }, []string{"log@file: src/l is inside"}, false},
		{"state inside", func(_ *testing.T, c *config) { c.State.Dir = "src/new/state" }, []string{"state@dir", "is inside"}, false},
		{"state is the root", func(_ *testing.T, c *config) { c.State.Dir = "src" }, []string{"state@dir"}, false},
		{"same directory", func(t *testing.T, c *config) {
			link(t, "src", "ln")
			second(c, "ln/../src/", confxml.Remote{IP: "o", Name: "o"})
		}, []string{":6:", "same directory as in line 3"}, false},
		{"link and dots", func(t *testing.T, c *config) {
			mkdir(t, "x/y")
			mkdir(t, "src/y")
			link(t, "../src/y", "x/ln")
			second(c, "x/ln/..", confxml.Remote{IP: "o", Name: "o"})
		}, []string{"same directory as in line 3"}, false},
		{"inside", func(t *testing.T, c *config) {
			mkdir(t, "src/in")
			second(c, "src/in", confxml.Remote{IP: "o", Name: "o"})
		}, []string{":6:", "src/in is inside", "last writer wins"}, false},
		{"beside", func(t *testing.T, c *config) {
			mkdir(t, "src-2")
			second(c, "src-2", confxml.Remote{IP: "o", Name: "o"})
		}, nil, false},
		{"remote twice", func(_ *testing.T, c *config) {
			c.LocalPaths[0].Remotes = append(c.LocalPaths[0].Remotes, confxml.Remote{IP: "H", Name: "m/", Line: 5})
		}, []string{":5:", "same target as in line 4", "twice"}, false},
		{"other module", func(_ *testing.T, c *config) {
			c.LocalPaths[0].Remotes = append(c.LocalPaths[0].Remotes, confxml.Remote{IP: "h", Name: "n", Line: 5}, confxml.Remote{IP: "h", Name: "m", Port: 1, Line: 5})
		}, nil, false},
		{"shared target", func(t *testing.T, c *config) {
			mkdir(t, "b")
			second(c, "b", confxml.Remote{IP: "h", Name: "m", Line: 7})
		}, []string{":7:", "same target as in line 4", "last writer wins"}, false},
		{"no password file", func(t *testing.T, _ *config) { remove(t, "pass") }, []string{":4: passwordfile: ", "pass does not exist"}, false},
		{"others can read", func(t *testing.T, _ *config) { write(t, "pass", "x", 0o604) }, []string{"accessed by others (mode 0604)", "chmod 600"}, false},
		{"others can write", func(t *testing.T, _ *config) { write(t, "pass", "x", 0o602) }, []string{"accessed by others"}, false},
		{"group can read", func(t *testing.T, _ *config) { write(t, "pass", "x", 0o640) }, nil, false},
		{"empty password", func(t *testing.T, _ *config) { write(t, "pass", "\nx", 0o600) }, []string{"holds no password"}, false},
		{"user and password", func(t *testing.T, _ *config) { write(t, "pass", "bob:secret\n", 0o600) }, []string{"looks like user:password"}, false},
		{"password directory", func(_ *testing.T, c *config) { c.LocalPaths[0].Remotes[0].PasswordFile = "src" }, []string{"not a regular file"}, false},
		{"ssh reads none", func(t *testing.T, c *config) { remove(t, "pass"); c.LocalPaths[0].Remotes[0].SSH = true }, nil, false},
		{"configuration", func(t *testing.T, c *config) { write(t, c.File, "<head/>", 0o646) }, []string{"c.xml: every user", "(mode 0646)", "chmod o-w"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			c := hostConfig(t, dir)
			tt.change(t, &c)
			got := c.CheckHost()
			if len(tt.words) == 0 {
				if len(got) > 0 {
					t.Errorf("problems: %v", got)
				}
				return
			}
			if len(got) != 1 || !said(got, tt.words...) {
				t.Fatalf("want one problem with %q: %v", tt.words, got)
			}
			if (got[0].Severity == confxml.Refusal) != tt.fatal || confxml.ExitCode(confxml.Fatal(got)) == 1 != tt.fatal {
				t.Errorf("severity is %v: %v", got[0].Severity, got[0])
			}
		})
	}
}

// TestForeignPasswordFile: an rsync that root runs trusts only a password file of root's.
func TestForeignPasswordFile(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	dir := t.TempDir()
	c := hostConfig(t, dir)
	if err := os.Chown(filepath.Join(dir, "pass"), 12345, 0); err != nil {
		t.Fatal(err)
	}
	if got := c.CheckHost(); len(got) != 1 || !said(got, "belongs to user 12345", "chown root") {
		t.Errorf("problems: %v", got)
	}
}

// TestForeignConfiguration: the owner of the file can have commands run, also where only a plugin
// runs.
func TestForeignConfiguration(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	c := hostConfig(t, t.TempDir())
	write(t, c.File, "<head/>", 0o644)
	if err := os.Chown(c.File, 12345, 0); err != nil {
		t.Fatal(err)
	}
	for _, got := range [][]confxml.Problem{c.CheckHost(), c.CheckFile()} {
		if len(got) != 1 || !said(got, "user 12345", "chown it to root") {
			t.Errorf("problems: %v", got)
		}
	}
}

// TestFailLogInStateDir: the program makes the state directory when it starts, so the fail script
// may be in it. Any other directory has to exist.
func TestFailLogInStateDir(t *testing.T) {
	dir := t.TempDir()
	c := hostConfig(t, dir)
	c.State.Dir = filepath.Join(dir, "state")
	c.FailLog.Path = filepath.Join(dir, "state", "fail.sh")
	if got := c.CheckHost(); said(got, "no fail script can be written") {
		t.Errorf("in the state directory: %v", got)
	}
	c.FailLog.Path = filepath.Join(dir, "other", "fail.sh")
	if got := c.CheckHost(); !said(got, "no fail script can be written") {
		t.Errorf("elsewhere: %v", got)
	}
}

// TestManyLocalPaths: overlaps are found without comparing each localpath with each other one.
func TestManyLocalPaths(t *testing.T) {
	dir := t.TempDir()
	c := hostConfig(t, dir)
	for i := range 5_000 {
		c.LocalPaths = append(c.LocalPaths, confxml.LocalPath{Watch: dir, Line: i, Remotes: []confxml.Remote{{IP: "h", Name: fmt.Sprint(i)}}})
	}
	c.FailLog.Path = ""
	// All localpaths but the first watch one directory, which contains that of the first.
	if got := c.CheckHost(); len(got) != 5_000 {
		t.Errorf("%d problems", len(got))
	}
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, name string) {
	t.Helper()
	if err := os.MkdirAll(name, 0o755); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
}
