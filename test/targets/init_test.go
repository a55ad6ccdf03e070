package targets

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/internal/testkit"
)

// initialise runs --init with these options; standard input is no terminal.
func initialise(t *testing.T, dir string, env []string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(testkit.Build(t), append([]string{"--init"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), "LC_ALL=C.UTF-8", "XDG_STATE_HOME="+dir), env...)
	out, _ := cmd.CombinedOutput() // the test checks the exit status
	return string(out), cmd.ProcessState.ExitCode()
}

// TestInit: with options alone --init writes a configuration and a password file, and prints the
// lines for the other side. Once these lines are in place the program runs with that configuration.
// --init overwrites no file that exists.
func TestInit(t *testing.T) {
	s := newScene(t, "")
	d := testkit.Rsyncd(t, testkit.RsyncdConf{
		Secrets: map[string]string{"bob": "of the environment"}, Modules: []testkit.Module{{Name: "m", Path: s.dst, Options: []string{"auth users = bob"}}},
	})
	s.write("before", "a")
	file := filepath.Join(s.scratch, "etc", "confxml.xml")
	password := filepath.Join(s.scratch, "etc", "rsync.pas")
	args := []string{"-o", file, "--dir", s.src, "--target", fmt.Sprintf("rsync://127.0.0.1:%d/m", d.Port()), "--user", "bob"}

	out, code := initialise(t, s.scratch, []string{"RSYNC_PASSWORD=of the environment"}, args...)
	for _, want := range []string{"[m]\n", "auth users = bob", "    bob:of the environment\n", "written: " + file, "ready: lanes tried: 1", "Start it: sersync -d -r -o " + file} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if code != 0 || t.Failed() {
		t.Fatalf("exit %d\n%s", code, out)
	}
	info, err := os.Stat(password)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("password file: %v, %v", info, err)
	}
	text, err := os.ReadFile(file)
	s.must(err)

	// A file that exists stays as it is, byte by byte.
	s.must(os.WriteFile(file, append(text, "<!-- mine -->\n"...), 0o644))
	out, code = initialise(t, s.scratch, nil, args...)
	if after, _ := os.ReadFile(file); code != 1 || !strings.Contains(out, "exists and stays as it is") || !bytes.HasSuffix(after, []byte("<!-- mine -->\n")) {
		t.Errorf("exit %d\n%s", code, out)
	}

	// The password file stays, too. If the remote does not accept the password yet, the message has
	// the lines that repair that.
	s.must(os.WriteFile(password, []byte("mine\n"), 0o600))
	out, code = initialise(t, s.scratch, nil, append([]string{"-o", filepath.Join(s.scratch, "etc", "second.xml")}, args[2:]...)...)
	if after, _ := os.ReadFile(password); code != 1 || string(after) != "mine\n" || !strings.Contains(out, "refused the user or password") || !strings.Contains(out, "When the other side is ready: sersync --check --connect -o ") {
		t.Errorf("exit %d\n%s", code, out)
	}
	s.must(os.WriteFile(password, []byte("of the environment\n"), 0o600))

	s.app = testkit.Start(t, testkit.Options{Config: string(text), File: file, Dir: s.scratch, Args: []string{"-r", "-o", file}})
	s.equal("the start with what was written")
}

func TestInitMistakes(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "there is no terminal to ask at; give --dir DIR and --target HOST::MODULE"},
		{[]string{"--dir", dir}, "there is no terminal to ask at"},
		{[]string{"--dir", dir + "/none", "--target", "h::m"}, "create the directory, or name another one"},
		{[]string{"--dir", dir, "--target", "h"}, "write HOST::MODULE for an rsync daemon"},
		{[]string{"--dir", dir, "--target", "h::$(touch x)"}, "what a shell would read"},
		{[]string{"--dir", dir, "--target", "h::m", "--user", "a b"}, "what a shell would read"},
	} {
		out, code := initialise(t, dir, nil, append([]string{"-o", dir + "/c.xml"}, tt.args...)...)
		if code != 1 || !strings.Contains(out, tt.want) || testkit.Exists(dir+"/c.xml") {
			t.Errorf("%q: exit %d, %s", tt.args, code, out)
		}
	}
	cmd := exec.Command(testkit.Build(t), "--dir", dir, "--check", "-o", dir+"/c.xml")
	if out, _ := cmd.CombinedOutput(); !strings.Contains(string(out), "go with --init") {
		t.Errorf("%s", out)
	}
}

// terminal is a pseudo terminal: the end at which a person sees and types, and the end that a
// program has.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return person, program
}

// TestInitAsks: a person at a terminal answers, first with mistakes. The password is not shown. An
// existing file is replaced only after a yes, and a copy is kept.
func TestInitAsks(t *testing.T) {
	s := newScene(t, "")
	d := testkit.Rsyncd(t, testkit.RsyncdConf{
		Secrets: map[string]string{"bob": "typed secret"}, Modules: []testkit.Module{{Name: "m", Path: s.dst, Options: []string{"auth users = bob"}}},
	})
	file := filepath.Join(s.scratch, "confxml.xml")
	s.must(os.WriteFile(file, []byte("the old one"), 0o644))
	person, program := terminal(t)
	defer person.Close()
	cmd := exec.Command(testkit.Build(t), "--init", "-o", file)
	cmd.Dir, cmd.Env = s.scratch, append(os.Environ(), "LC_ALL=C.UTF-8", "XDG_STATE_HOME="+s.scratch)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	s.must(cmd.Start())
	program.Close()
	var shown strings.Builder
	read := make(chan string, 64)
	go func() {
		defer close(read)
		buf := make([]byte, 4096)
		for {
			n, err := person.Read(buf)
			if n > 0 {
				read <- string(buf[:n])
			}
			if err != nil {
				return // the other end is closed: EIO
			}
		}
	}()
	from := 0
	answer := func(question, text string) {
		t.Helper()
		for !strings.Contains(shown.String()[from:], question) {
			more, ok := <-read
			if !ok {
				t.Fatalf("no question %q:\n%s", question, shown.String())
			}
			shown.WriteString(more)
		}
		from = shown.Len()
		_, err := io.WriteString(person, text+"\n")
		s.must(err)
	}
	answer("Replace it?", "y")
	answer("Directory to mirror: ", "/nonexistent")
	answer("Directory to mirror: ", s.src)
	answer("Target (", "web1")
	answer("Target (", fmt.Sprintf("rsync://127.0.0.1:%d/m", d.Port()))
	answer("User of the module", "bob")
	answer("Password of bob", "typed secret")
	for more := range read {
		shown.WriteString(more)
	}
	err := cmd.Wait()
	out := shown.String()
	if err != nil || !strings.Contains(out, "ready: lanes tried: 1") {
		t.Errorf("%v\n%s", err, out)
	}
	if strings.Count(out, "typed secret") != 1 || !strings.Contains(out, "bob:typed secret") {
		t.Errorf("the password is shown while it is typed, or not in the line for the other side:\n%s", out)
	}
	if old, _ := os.ReadFile(file + ".old"); string(old) != "the old one" {
		t.Errorf("the old file: %q", old)
	}
}
