package failqueue

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// recorder takes the place of rsync: it writes its working directory and its arguments, each
// followed by NUL, which no argument can contain.
const recorder = "#!/bin/sh\nprintf '%s\\0' \"$PWD\" \"$@\" >>\"$RECORD\"\n"

// runScript runs script in the given shell and returns the arguments that rsync was called with.
// The script must leave nothing else in its directory.
func runScript(t testing.TB, shell, dir, script string) []string {
	t.Helper()
	bin := t.TempDir()
	record := filepath.Join(t.TempDir(), "record")
	if err := os.WriteFile(filepath.Join(bin, "rsync"), []byte(recorder), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), shell, script)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + bin, "RECORD=" + record, "CDPATH=/tmp", "HOME=/", "x=expanded"}
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%s: %v, output %q", shell, err, out)
	}
	data, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\x00"), "\x00")
}

var hostile = []string{
	"./a", "a b", "", "a\nb", "\n", "trailing\n", "a'b", "'", "''", `a"b`, "$x", "${x}", "$(touch pwned)",
	"`touch pwned`", `\`, `a\`, `\n`, `\$x`, "-n", "--exclude=*", "--", "*", "?", "[ab]", "~", "~root", "#x", "!x",
	";touch pwned", "&", "|touch pwned", ">pwned", "<x", "a=b", "--opt=a", "\x01\x7f\x81\x88\x80", "\xff\xfe", "\r", "\t",
	"{a,b}", "%s", "\u00e4\u4f60", "a\n#errno 0\ntouch pwned\n", "'\ntouch pwned\n'",
}

func TestScriptQuotingInEveryShellHere(t *testing.T) {
	shells := []string{"sh", "bash"}
	for _, shell := range shells {
		if _, err := exec.LookPath(shell); err != nil {
			continue // the next test fails where there is no sh
		}
		t.Run(shell, func(t *testing.T) { checkQuoting(t, shell, "dir with 'quotes' and\nnewline", hostile) })
	}
}

// FuzzScriptQuoting runs a script with sh and compares the bytes that arrive. Strangers choose the
// two arguments: the directory and the name of a file.
func FuzzScriptQuoting(f *testing.F) {
	for _, s := range hostile {
		f.Add("d", s)
		f.Add(s, "x")
	}
	f.Fuzz(func(t *testing.T, dir, arg string) {
		if strings.ContainsAny(dir, "\x00/") || len(dir) > 200 || strings.Contains(arg, "\x00") || len(arg) > 4096 {
			return // neither a name of a directory nor an argument can be like this
		}
		if dir == "" || dir == "." || dir == ".." {
			dir = "d"
		}
		checkQuoting(t, "sh", dir, []string{arg})
	})
}

func checkQuoting(t *testing.T, shell, dir string, args []string) {
	t.Helper()
	base := t.TempDir()
	watch := filepath.Join(base, dir)
	if err := os.Mkdir(watch, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "fail.sh")
	s, err := New(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	argv := append([]string{"rsync"}, args...)
	want := append([]string{watch}, args...)
	for _, named := range []string{watch, dir} { // an absolute name, and one relative to base
		if err := s.Update([]Entry{{Dir: named, Argv: argv}}); err != nil {
			t.Fatal(err)
		}
		if got := runScript(t, shell, base, path); !slices.Equal(got, want) {
			t.Errorf("in %q rsync was run with\n%q, want\n%q", named, got, want)
		}
	}
	for _, d := range []string{base, watch} {
		if _, err := os.Lstat(filepath.Join(d, "pwned")); err == nil {
			t.Errorf("a name was executed")
		}
	}
}
