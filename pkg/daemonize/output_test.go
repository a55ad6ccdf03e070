package daemonize

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// heldEnv makes the test binary write the result of Held to descriptor 3.
const heldEnv = "DAEMONIZE_TEST_HELD"

// TestHeld: an output that somebody reads is held; a file that the user has chosen and the journal
// are not.
func TestHeld(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	r, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer pipe.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(pipe.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	journal := journalStream(st)
	tests := []struct {
		name     string
		out, err *os.File
		env      string
		want     string
	}{
		{"pipes", pipe, pipe, "", "[1 2]"},
		{"files", file, file, "", "[]"},
		{"a file and a pipe", file, pipe, "", "[2]"},
		{"devices", null, null, "", "[1 2]"},
		{"the journal", null, pipe, journal, "[1]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Close()
			cmd := exec.Command(self)
			cmd.Env = append(os.Environ(), heldEnv+"=1", "JOURNAL_STREAM="+tt.env)
			cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = tt.out, tt.err, []*os.File{w}
			err = cmd.Run()
			w.Close()
			b := make([]byte, 100)
			n, _ := answer.Read(b)
			if err != nil || string(b[:n]) != tt.want {
				t.Errorf("held %s, %v; want %s", b[:n], err, tt.want)
			}
		})
	}
}

// TestOutputIsBounded: a file that has grown long is renamed and replaces the earlier one; further
// output goes to a new file.
func TestOutputIsBounded(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	o := NewOutput()
	o.max = 10
	if err := o.LetGo([]int{int(w.Fd())}, path); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"first line\n", "second line\n", "third\n", "more\n", "last\n"} {
		if _, err := w.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := o.bound(); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{path: "last\n", path + aside: "third\nmore\n"} {
		if b, err := os.ReadFile(name); err != nil || string(b) != want {
			t.Errorf("%s holds %q, %v; want %q", name, b, err, want)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != outputMode {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := o.bound(); err != nil {
		t.Errorf("a file that was removed: %v", err)
	}
	if _, err := w.WriteString("again\n"); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(b), "again") {
		t.Errorf("after it was removed: %q, %v", b, err)
	}
}
