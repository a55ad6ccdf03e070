package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDirReason(t *testing.T) {
	const me, myGroup = 1000, 1000
	tests := []struct {
		name    string
		st      unix.Stat_t
		trusted bool
	}{
		{"own", unix.Stat_t{Uid: me, Gid: myGroup, Mode: 0o755}, true},
		{"own, own group writes", unix.Stat_t{Uid: me, Gid: myGroup, Mode: 0o775}, true},
		{"own, other group writes", unix.Stat_t{Uid: me, Gid: 50, Mode: 0o775}, false},
		{"own, all write", unix.Stat_t{Uid: me, Gid: myGroup, Mode: 0o777}, false},
		{"root's", unix.Stat_t{Mode: 0o755}, true},
		{"/var/log of Ubuntu", unix.Stat_t{Gid: 108, Mode: 0o775}, true},
		{"/tmp", unix.Stat_t{Mode: unix.S_ISVTX | 0o777}, true},
		{"root's, all write", unix.Stat_t{Mode: 0o777}, false},
		{"stranger's", unix.Stat_t{Uid: 33, Mode: 0o755}, false},
		{"stranger's, sticky", unix.Stat_t{Uid: 33, Mode: unix.S_ISVTX | 0o777}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if reason := dirReason(tt.st, me, myGroup); (reason == "") != tt.trusted {
				t.Errorf("reason %q, want trusted %v", reason, tt.trusted)
			}
		})
	}
}

func TestWriteAtomicReplacesWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state \n$x")
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	for _, text := range []string{"first, a longer one", "second"} {
		if err := WriteAtomic(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(path)
		if err != nil || string(got) != text {
			t.Fatalf("content %q, %v; want %q", got, err, text)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o644 {
		t.Errorf("mode %v, %v; want 0644 whatever the umask", info.Mode(), err)
	}
	wantEntries(t, filepath.Dir(path), 1)
}

// TestWriteAtomicReaders: a reader sees one of the versions, never a part.
func TestWriteAtomicReaders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	versions := []string{strings.Repeat("a", 8192), strings.Repeat("b", 100)}
	if err := WriteAtomic(path, []byte(versions[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := range 50 {
			if err := WriteAtomic(path, []byte(versions[i%2]), 0o600); err != nil {
				t.Error(err)
			}
		}
	})
	for range 50 {
		got, err := ReadTrusted(path, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if s := string(got); s != versions[0] && s != versions[1] {
			t.Fatalf("read a mixture of %d bytes", len(s))
		}
	}
	writer.Wait()
}

// obstacles makes things at the last component of a path that must not be touched.
func obstacles(t *testing.T) map[string]string {
	t.Helper()
	root := t.TempDir()
	paths := map[string]string{}
	for _, name := range []string{"symlink", "dangling", "directory", "fifo"} {
		paths[name] = filepath.Join(root, name)
	}
	victim := filepath.Join(root, "victim")
	err := errors.Join(
		os.WriteFile(victim, []byte("precious"), 0o600),
		os.Symlink(victim, paths["symlink"]),
		os.Symlink(filepath.Join(root, "nothing"), paths["dangling"]),
		os.Mkdir(paths["directory"], 0o755),
		unix.Mkfifo(paths["fifo"], 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if got, err := os.ReadFile(victim); err != nil || string(got) != "precious" {
			t.Errorf("victim now %q, %v", got, err)
		}
		wantEntries(t, root, 5)
	})
	return paths
}

func TestObstaclesAreRefused(t *testing.T) {
	for name, path := range obstacles(t) {
		calls := map[string]func() error{
			"WriteAtomic": func() error { return WriteAtomic(path, []byte("x"), 0o600) },
			"ReadTrusted": func() error { _, err := ReadTrusted(path, 10); return err },
			"OpenAppend":  func() error { _, err := OpenAppend(path, 0o600); return err },
			"OpenUpdate":  func() error { _, err := OpenUpdate(path, 0o600); return err },
		}
		for call, do := range calls {
			t.Run(call+" "+name, func(t *testing.T) {
				err := do()
				if err == nil {
					t.Fatal("accepted")
				}
				if !errors.Is(err, ErrUntrusted) {
					t.Errorf("error %v", err)
				}
			})
		}
	}
}

func TestUntrustedDirectory(t *testing.T) {
	open := filepath.Join(t.TempDir(), "open")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o777)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(open, "f")
	for call, err := range map[string]error{
		"CheckDir":    CheckDir(open),
		"WriteAtomic": WriteAtomic(path, nil, 0o600),
		"OpenAppend":  func() error { _, err := OpenAppend(path, 0o600); return err }(),
	} {
		var untrusted *UntrustedError
		if !errors.As(err, &untrusted) || untrusted.Path == "" || untrusted.Remedy == "" {
			t.Errorf("%s: %v", call, err)
		}
	}
	wantEntries(t, open, 0)

	if err := os.Chmod(open, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	if err := WriteAtomic(path, nil, 0o600); err != nil {
		t.Errorf("sticky directory: %v", err)
	}
}

func TestReadTrusted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if _, err := ReadTrusted(path, 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadTrusted(path, 10); err != nil || string(got) != "0123456789" {
		t.Errorf("exact size: %q, %v", got, err)
	}
	if _, err := ReadTrusted(path, 9); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadTrusted(path, 10); !errors.Is(err, ErrUntrusted) {
		t.Errorf("world-writable: %v", err)
	}
}

func TestOpenAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for _, text := range []string{"one\n", "two\n"} {
		f, err := OpenAppend(path, 0o640)
		if err != nil {
			t.Fatal(err)
		}
		flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor flags %x, %v: children would inherit it", flags, err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "one\ntwo\n" {
		t.Errorf("content %q, %v", got, err)
	}
	if err := os.Link(path, path+"2"); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenAppend(path, 0o640); !errors.Is(err, ErrUntrusted) {
		t.Errorf("hard link: %v", err)
	}
}

// TestWriteAtomicLeavesNothing: a failed write removes its temporary file.
func TestWriteAtomicLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	long := filepath.Join(dir, strings.Repeat("n", 300))
	if err := WriteAtomic(long, []byte("x"), 0o600); !errors.Is(err, unix.ENAMETOOLONG) {
		t.Errorf("error %v", err)
	}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	// The kernel refuses bytes beyond this limit as a full disk would; the Go runtime ignores the
	// SIGXFSZ that comes with the refusal.
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 4096, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	err := WriteAtomic(filepath.Join(dir, "f"), make([]byte, 8192), 0o600)
	if restore := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); restore != nil {
		t.Fatal(restore)
	}
	if !errors.Is(err, unix.EFBIG) {
		t.Errorf("error %v", err)
	}
	wantEntries(t, dir, 0)
}

func wantEntries(t *testing.T, dir string, want int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != want {
		t.Errorf("%d entries in %s, %v; want %d: %v", len(entries), dir, err, want, entries)
	}
}
