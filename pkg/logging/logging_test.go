package logging

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/sersync/sersync/pkg/confxml"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func hostile() []string {
	return []string{
		"plain/path", "two words", "line\nbreak", "cr\rover", "\x1b[2Jclear", "csi\u009b2J", "bad\xff\xfe", "rtl\u202etxt", "q\"uote", "back\\slash",
		"", "a=b", "\u4e2d\u6587", "\u2028", "nul\x00", "del\x7f", "\ufffd", "2026-01-01 00:00:00.000 ERROR forged\n",
	}
}

// logged runs f with a logger that writes to a file, and returns the content of the file.
func logged(t *testing.T, cfg confxml.Log, debug bool, f func(*zap.Logger)) string {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	log, err := Open(cfg, debug, out)
	if err != nil {
		t.Fatal(err)
	}
	f(log.Logger())
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTextFormatsAreOneSafeLine(t *testing.T) {
	for _, format := range []string{FormatConsole, FormatLogfmt, ""} {
		for _, name := range hostile() {
			got := logged(t, confxml.Log{Format: format}, false, func(l *zap.Logger) {
				l.Named("lane").With(zap.String("root", name), zap.String("path", name)).Warn("run failed", zap.String("path", name), zap.Error(errors.New(name)), zap.Strings("argv", []string{"rsync", name}), zap.Int("exit", 23))
			})
			line := strings.TrimSuffix(got, "\n")
			if !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%s %q: %q", format, name, got)
			}
			if want := "path=" + quoted(name) + " error=" + quoted(name); !strings.Contains(line, want) {
				t.Errorf("%s %q: no %s in %s", format, name, want, line)
			}
			if !strings.Contains(line, "exit=23") || !strings.Contains(line, "run failed") {
				t.Errorf("%s: %s", format, line)
			}
		}
	}
}

func FuzzQuotedIsReversible(f *testing.F) {
	for _, n := range hostile() {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := quoted(s)
		back := q
		if strings.HasPrefix(q, `"`) {
			var err error
			if back, err = strconv.Unquote(q); err != nil {
				t.Fatalf("%q: %v", q, err)
			}
		}
		if back != s || !utf8.ValidString(q) || strings.ContainsFunc(q, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q became %q", s, q)
		}
	})
}

func TestLogfmtLine(t *testing.T) {
	got := logged(t, confxml.Log{Format: FormatLogfmt}, false, func(l *zap.Logger) {
		l.Named("lane").Info("lane is in sync", zap.String("lane", "/d#h::m"), zap.Int("batch", 3), zap.Duration("delay", 1500*time.Millisecond), zap.Namespace("x"))
	})
	if !strings.Contains(got, `level=info logger=lane msg="lane is in sync" lane=/d#h::m batch=3 delay=1.5s`) || !strings.HasPrefix(got, "ts=20") {
		t.Error(got)
	}
}

func TestJSONIsExact(t *testing.T) {
	for _, name := range hostile() {
		got := logged(t, confxml.Log{Format: FormatJSON}, false, func(l *zap.Logger) {
			l.With(zap.String("root", name)).Info("sent", zap.String("path", name), zap.Error(errors.New(name)), zap.Int("exit", 0))
		})
		var entry map[string]any
		if err := json.Unmarshal([]byte(got), &entry); err != nil || strings.Count(got, "\n") != 1 {
			t.Fatalf("%q: %v in %s", name, err, got)
		}
		for _, key := range []string{"root", "path", "error"} {
			value := entry[key]
			if b64, ok := entry[key+"_bytes"].(string); ok {
				b, err := base64.StdEncoding.DecodeString(b64)
				if err != nil {
					t.Fatal(err)
				}
				value = string(b)
			}
			if value != name {
				t.Errorf("%s %q came back as %q: %s", key, name, value, got)
			}
		}
		if entry["msg"] != "sent" || entry["level"] != "info" {
			t.Errorf("%q: %s", name, got)
		}
	}
}

type pathError struct{ path string }

func (e *pathError) Error() string { return e.path }

func TestNilErrorsAreSurvived(t *testing.T) {
	for _, format := range []string{FormatJSON, FormatConsole, FormatLogfmt} {
		got := logged(t, confxml.Log{Format: format}, false, func(l *zap.Logger) {
			l.Info("done", zap.Error(nil), zap.NamedError("typed", (*pathError)(nil)))
		})
		if !strings.Contains(got, "done") {
			t.Errorf("%s: %s", format, got)
		}
	}
}

func TestLevels(t *testing.T) {
	say := func(l *zap.Logger) { l.Debug("d"); l.Info("i"); l.Warn("w"); l.Error("e") }
	for _, c := range []struct {
		level string
		debug bool
		want  int
	}{{"", false, 3}, {"debug", false, 4}, {"info", false, 3}, {"warn", false, 2}, {"error", false, 1}, {"error", true, 4}} {
		if got := strings.Count(logged(t, confxml.Log{Level: c.level}, c.debug, say), "\n"); got != c.want {
			t.Errorf("level %q, debug %v: %d lines, want %d", c.level, c.debug, got, c.want)
		}
	}
}

func TestBadConfiguration(t *testing.T) {
	if _, err := Open(confxml.Log{Level: "loud"}, false, os.Stderr); !errors.Is(err, ErrLevel) {
		t.Errorf("level: %v", err)
	}
	if _, err := Open(confxml.Log{Format: "xml"}, false, os.Stderr); !errors.Is(err, ErrFormat) {
		t.Errorf("format: %v", err)
	}
}

func TestFileRotates(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "sub", "sersync.log")
	rest := logged(t, confxml.Log{File: name, MaxSizeMB: 1, MaxBackups: 1}, false, func(l *zap.Logger) {
		for range 300 {
			l.Info("sent", zap.String("path", strings.Repeat("x", 10000)))
		}
	})
	if rest != "" {
		t.Errorf("standard error got %.100s", rest)
	}
	info, err := os.Stat(name)
	if err != nil || info.Size() > 1<<20 || info.Mode().Perm()&0o007 != 0 {
		t.Errorf("%v %v", info, err)
	}
	if list, _ := filepath.Glob(filepath.Join(dir, "sub", "*")); len(list) < 2 {
		t.Errorf("no backup: %v", list)
	}
}

func TestUnusableFileIsAWarning(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dir, filepath.Join(file, "log"), "/dev/null"} {
		got := logged(t, confxml.Log{File: name}, false, func(l *zap.Logger) { l.Info("sync goes on") })
		if !strings.Contains(got, "log goes to standard error") || !strings.Contains(got, "remedy=") || !strings.Contains(got, "sync goes on") {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestColoursOnATerminalOnly(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	line := func() string {
		log, err := Open(confxml.Log{}, false, tty)
		if err != nil {
			t.Fatal(err)
		}
		log.Logger().Warn("root is gone", zap.String("path", "\x1b[31m"))
		b := make([]byte, 4096)
		k, err := master.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:k])
	}
	t.Setenv("NO_COLOR", "")
	if got := line(); !strings.Contains(got, "\x1b[33mWARN") || strings.Count(got, "\x1b") != 2 {
		t.Errorf("%q", got)
	}
	t.Setenv("NO_COLOR", "1")
	if got := line(); strings.Contains(got, "\x1b") {
		t.Errorf("%q", got)
	}
}

func TestJournalFields(t *testing.T) {
	var message string
	var vars map[string]string
	var prio journal.Priority
	core := &journalCore{zapcore.InfoLevel, newTextEncoder(true, false), func(m string, p journal.Priority, v map[string]string) error {
		message, prio, vars = m, p, v
		return nil
	}}
	log := zap.New(core).Named("lane").With(zap.String("root", "/data"))
	log.Debug("not this")
	if message != "" {
		t.Errorf("debug was sent: %s", message)
	}
	log.Warn("run failed", zap.String("path", "a\nb\xff"), zap.Int("exit", 10))
	if message != `run failed root=/data path="a\nb\xff" exit=10` || prio != journal.PriWarning {
		t.Errorf("%d %s", prio, message)
	}
	for k, want := range map[string]string{"SERSYNC_ROOT": "/data", "SERSYNC_PATH": "a\nb\xff", "SERSYNC_EXIT": "10", "SERSYNC_LOGGER": "lane"} {
		if vars[k] != want {
			t.Errorf("%s = %q, want %q", k, vars[k], want)
		}
	}
}

func TestJournalFallsBack(t *testing.T) {
	if journal.Enabled() {
		return // this host has a journal, which takes the entries
	}
	got := logged(t, confxml.Log{Format: FormatJournal}, false, func(l *zap.Logger) { l.Info("sync goes on") })
	if !strings.Contains(got, "the journal is not reachable") || !strings.Contains(got, "sync goes on") {
		t.Error(got)
	}
}

func BenchmarkConsole(b *testing.B) {
	var out bytes.Buffer
	log := zap.New(zapcore.NewCore(newTextEncoder(false, false), zapcore.AddSync(&out), zapcore.DebugLevel)).With(zap.String("root", "/data"))
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		log.Debug("sent", zap.String("path", "some/dir/file.txt"), zap.Int("batch", 3))
	}
}
