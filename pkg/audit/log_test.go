package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/safefile"
)

func openLog(t *testing.T, dir string) *Log {
	t.Helper()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func TestAuditLine(t *testing.T) {
	dir := t.TempDir()
	a := openLog(t, dir)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.FixedZone("", 3600))
	must(t, a.Record(Deletion{Time: at, Lane: "/w -> h::m", Cause: CauseMirror, Path: "a\nb\xff\" \x1b"}))
	path := filepath.Join(dir, fileName)
	want := `2026-01-02T02:04:05.006Z lane="/w -> h::m" cause="mirror" path="a\nb\xff\" \x1b"` + "\n"
	if got := content(t, path); got != want {
		t.Errorf("line %q, want %q", got, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	must(t, a.Record())
	b := openLog(t, dir) // after a restart the log appends to the file
	must(t, b.Record(Deletion{Path: "later"}))
	if got := content(t, path); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "path=\"later\"\n") {
		t.Errorf("after a restart %q", got)
	}
}

// Two logs write to one file, as two processes would: only the lines that a rotation drops are
// lost, and the size stays bounded.
func TestAuditRotates(t *testing.T) {
	dir := t.TempDir()
	a, b := openLog(t, dir), openLog(t, dir)
	a.max, b.max = 4096, 4096
	path := filepath.Join(dir, fileName)
	for i := range 200 {
		log := a
		if i%2 == 1 {
			log = b
		}
		must(t, log.Record(Deletion{Lane: "l", Cause: CauseEvent, Path: fmt.Sprint("number", i)}))
	}
	all := content(t, path+".1") + content(t, path)
	lines := strings.Split(strings.TrimSuffix(all, "\n"), "\n")
	if len(all) > 2*4096 || len(lines) < 50 {
		t.Fatalf("%d bytes, %d lines are left", len(all), len(lines))
	}
	for i, line := range lines {
		if want := fmt.Sprintf("path=\"number%d\"", 200-len(lines)+i); !strings.HasSuffix(line, want) {
			t.Fatalf("line %d is %q, want %s", i, line, want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("%d files, %v", len(entries), err)
	}
	must(t, os.Remove(path), a.Record(Deletion{Path: "again"}))
	if !strings.Contains(content(t, path), "again") {
		t.Error("a removed log did not come back")
	}
}

func TestAuditRefusesLinks(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(dir+"/target", nil, 0o600), os.Symlink("target", filepath.Join(dir, fileName)))
	if _, err := Open(dir); err == nil {
		t.Error("a symbolic link was followed")
	}
}

func TestAuditAfterClose(t *testing.T) {
	a, err := Open(t.TempDir())
	must(t, err, a.Close(), a.Close())
	if err := a.Record(Deletion{Path: "x"}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

func TestAuditRefusesOpenDirectories(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	must(t, os.Mkdir(dir, 0o777), os.Chmod(dir, 0o777))
	if _, err := Open(dir); !errors.Is(err, safefile.ErrUntrusted) {
		t.Errorf("a directory that all may write to: %v", err)
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(data)
}
