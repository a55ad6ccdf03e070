package failqueue

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/safefile"
)

func newScript(t *testing.T, path string) *Script {
	t.Helper()
	s, err := New(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func entry(remote, name string) Entry {
	return Entry{Remote: remote, WaitStatus: 12 << 8, Dir: "/src", Argv: []string{"rsync", "-artuz", "-R", "./" + name, remote}}
}

func TestScriptHasTheFormOf254(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fail.sh")
	s := newScript(t, path)
	if got := content(t, path); got != "" {
		t.Fatalf("at start it holds %q", got)
	}
	if err := s.Update([]Entry{entry("h::m", "a"), entry("h::m", "b c")}); err != nil {
		t.Fatal(err)
	}
	want := "#errno 3072\ncd /src && rsync -artuz -R ./a h::m\n\n#errno 3072\ncd /src && rsync -artuz -R './b c' h::m\n\n"
	if got := content(t, path); got != want {
		t.Errorf("the script holds\n%s\nwant\n%s", got, want)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := s.Update(nil); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); got != "" {
		t.Errorf("when all is through it holds %q", got)
	}
}

func TestScriptMergesLanes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fail.sh")
	s := newScript(t, path)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			lane := s.Lane(fmt.Sprint("lane", i))
			for n := range 10 {
				if err := lane.Update([]Entry{entry("h", fmt.Sprintf("l%dn%d", i, n))}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := content(t, path)
	for i := range 4 {
		if name := fmt.Sprintf("./l%dn9 ", i); !strings.Contains(got, name) {
			t.Errorf("%s is missing in\n%s", name, got)
		}
	}
	if n := strings.Count(got, "#errno"); n != 4 {
		t.Errorf("%d blocks, want the last one of each lane", n)
	}
	if err := s.Lane("lane2").Update(nil); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); strings.Contains(got, "l2n9") || !strings.Contains(got, "l3n9") {
		t.Errorf("after one lane is done the script holds\n%s", got)
	}
}

func TestScriptIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fail.sh")
	s := newScript(t, path)
	many := make([]Entry, maxScriptEntries+7)
	for i := range many {
		many[i] = entry("h::m\nrm -rf x", fmt.Sprint(i))
	}
	many[0].Argv = []string{"rsync", "nul\x00"}
	if err := s.Update(many); err != nil {
		t.Fatal(err)
	}
	got := content(t, path)
	if n := strings.Count(got, "#errno"); n != maxScriptEntries {
		t.Errorf("%d blocks", n)
	}
	if want := "# 7 more failing paths of \"h::m\\nrm -rf x\" are not listed; they are retried like the others\n"; !strings.HasSuffix(got, want) {
		t.Errorf("the script ends with %q", got[len(got)-120:])
	}

	long := make([]Entry, 3000)
	for i := range long {
		long[i] = entry("h", strings.Repeat("x", 4000))
	}
	if err := s.Update(long); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); len(got) > maxScriptBytes+200 || !strings.Contains(got, "more failing paths of \"h\"") {
		t.Errorf("%d bytes, end %q", len(got), got[len(got)-120:])
	}
}

// A fail log inside of the watched tree must not change unless its content does: it would cause
// events for ever.
func TestScriptIsNotTouchedWithoutChange(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fail.sh")
	s := newScript(t, path)
	var before, after unix.Stat_t
	for i, st := range []*unix.Stat_t{&before, &after} {
		if err := s.Update([]Entry{entry("h", "a")}); err != nil {
			t.Fatal(i, err)
		}
		if err := unix.Lstat(path, st); err != nil {
			t.Fatal(err)
		}
	}
	if before.Ino != after.Ino || before.Ctim != after.Ctim {
		t.Error("the same content was written again")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := s.Update([]Entry{entry("h", "a")}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(content(t, path), "./a") {
		t.Error("a removed script did not come back")
	}
}

func TestScriptLeftBehindBy254(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fail.sh")
	if err := os.WriteFile(path, []byte("#errno 256\ntouch /pwned\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	s := newScript(t, path)
	if note := s.Note(); !strings.Contains(note, "left behind") || !strings.Contains(note, "not run") || !strings.Contains(note, "-r") || strings.Contains(note, "\n") {
		t.Errorf("note %q", note)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o700 || info.Size() != 0 {
		t.Errorf("the file has mode %v, %d bytes, %v", info.Mode(), info.Size(), err)
	}
	if s := newScript(t, filepath.Join(t.TempDir(), "fail.sh")); s.Note() != "" {
		t.Errorf("note without reason: %q", s.Note())
	}
}

func TestScriptRefusesUnsafePlaces(t *testing.T) {
	for _, tc := range []struct {
		name  string
		setup func(t *testing.T, dir string) // the script's path is dir/fail.sh
		word  string
	}{
		{"symbolic link", func(t *testing.T, dir string) {
			must(t, os.WriteFile(dir+"/target", []byte("keep"), 0o644), os.Symlink("target", dir+"/fail.sh"))
		}, "symbolic link"},
		{"dangling link", func(t *testing.T, dir string) { must(t, os.Symlink("nowhere", dir+"/fail.sh")) }, "symbolic link"},
		{"directory", func(t *testing.T, dir string) { must(t, os.Mkdir(dir+"/fail.sh", 0o755)) }, "directory"},
		{"fifo", func(t *testing.T, dir string) { must(t, unix.Mkfifo(dir+"/fail.sh", 0o600)) }, "regular"},
		{"foreign file", func(t *testing.T, dir string) {
			must(t, os.WriteFile(dir+"/fail.sh", nil, 0o755), os.Chown(dir+"/fail.sh", 1234, 1234))
		}, "user 1234"},
		{"open directory", func(t *testing.T, dir string) { must(t, os.Chmod(dir, 0o777)) }, "sticky"},
		{"no directory", func(t *testing.T, dir string) { must(t, os.Remove(dir)) }, "create the directory"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.name == "foreign file" && os.Geteuid() != 0 {
				t.Skip("only root can give files away")
			}
			dir := filepath.Join(t.TempDir(), "d")
			must(t, os.Mkdir(dir, 0o755))
			tc.setup(t, dir)
			before := list(t, dir)
			s, err := New(dir + "/fail.sh")
			if err == nil || !strings.Contains(err.Error(), tc.word) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %q, want one line about %q", err, tc.word)
			}
			if err := s.Update([]Entry{entry("h", "a")}); err == nil {
				t.Error("Update wrote all the same")
			}
			if after := list(t, dir); after != before {
				t.Errorf("the directory changed from %q to %q", before, after)
			}
			must(t, os.RemoveAll(dir), os.Mkdir(dir, 0o755))
			if err := s.Update([]Entry{entry("h", "a")}); err != nil {
				t.Errorf("once the way is free: %v", err)
			}
			must(t, s.Close())
		})
	}
}

// list describes the files of a directory, so that each change to them shows.
func list(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range entries {
		var st unix.Stat_t
		must(t, unix.Lstat(filepath.Join(dir, e.Name()), &st))
		fmt.Fprintf(&b, "%s %o %d %d;", e.Name(), st.Mode, st.Ino, st.Size)
	}
	return b.String()
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestScriptInStickyDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tmp")
	must(t, os.Mkdir(dir, 0o777), os.Chmod(dir, 0o777|fs.ModeSticky))
	newScript(t, dir+"/fail.sh")
}

// A lock of flock(2) belongs to an open file, not to a process. So a second Script in this process
// sees what another process would see.
func TestScriptSharedWithAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fail.sh")
	first := newScript(t, path)
	second, err := New(path)
	if !errors.Is(err, ErrScriptShared) || !strings.Contains(err.Error(), "own <failLog path>") {
		t.Fatalf("error %v, want ErrScriptShared with a remedy", err)
	}
	must(t, first.Update([]Entry{entry("h", "a")}))
	if err := second.Update([]Entry{entry("h", "b")}); !errors.Is(err, ErrScriptShared) {
		t.Fatalf("after a replacement: %v", err)
	}
	if got := content(t, path); !strings.Contains(got, "./a") || strings.Contains(got, "./b") {
		t.Errorf("the file of the first holds %q", got)
	}
	must(t, first.Close(), second.Update([]Entry{entry("h", "b")}))
	if !strings.Contains(content(t, path), "./b") {
		t.Error("the second did not take over")
	}
	must(t, second.Close())
}

func TestScriptRefusalIsTyped(t *testing.T) {
	dir := t.TempDir()
	must(t, os.Symlink("x", dir+"/fail.sh"))
	if _, err := New(dir + "/fail.sh"); !errors.Is(err, safefile.ErrUntrusted) {
		t.Errorf("error %v", err)
	}
}

func TestScriptWithoutPath(t *testing.T) {
	t.Chdir(t.TempDir())
	s := newScript(t, "")
	must(t, s.Update([]Entry{entry("h", "a")}))
	if got := list(t, "."); got != "" {
		t.Errorf("wrote %q", got)
	}
}
