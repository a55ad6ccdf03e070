package logging

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sersync/sersync/pkg/confxml"
	"go.uber.org/zap"
)

// opened is a log that writes to a file of a scratch directory; first and second are two paths
// there.
func opened(t *testing.T, conf confxml.Log) (log *Log, first, second string) {
	t.Helper()
	dir := t.TempDir()
	first, second = filepath.Join(dir, "first"), filepath.Join(dir, "second")
	conf.File = first
	log, err := Open(conf, false, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	return log, first, second
}

func lines(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(b)
}

// TestApplyLevel: loggers that already exist follow a change of the level, also with debug on.
func TestApplyLevel(t *testing.T) {
	log, first, _ := opened(t, confxml.Log{})
	lane := log.Logger().Named("lane").With(zap.String("root", "/data"))
	for i, c := range []struct {
		level string
		debug bool
		shown bool
	}{{"info", false, false}, {"debug", false, true}, {"warn", false, false}, {"error", true, true}, {"info", false, false}} {
		if err := log.Apply(confxml.Log{File: first, Level: c.level}, c.debug); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint("entry ", i)
		lane.Debug(text)
		if got := strings.Contains(lines(t, first), text+" root=/data"); got != c.shown {
			t.Errorf("level %s, debug %v: shown %v", c.level, c.debug, got)
		}
	}
	if err := log.Apply(confxml.Log{File: first, Level: "loud"}, false); !errors.Is(err, ErrLevel) {
		t.Errorf("unknown level: %v", err)
	}
	if err := log.Apply(confxml.Log{File: first, Format: "xml"}, false); !errors.Is(err, ErrFormat) {
		t.Errorf("unknown format: %v", err)
	}
	lane.Info("still here")
	if !strings.Contains(lines(t, first), "still here") {
		t.Error("settings that cannot be applied have changed something")
	}
}

// TestApplyMoves: the log changes its place and its form. From then on nothing is written to the
// old file, whose last line says where the log continues.
func TestApplyMoves(t *testing.T) {
	log, first, second := opened(t, confxml.Log{})
	lane := log.Logger().Named("lane").With(zap.String("root", "/data"))
	lane.Info("one")
	if err := log.Apply(confxml.Log{File: second, Format: FormatJSON}, false); err != nil {
		t.Fatal(err)
	}
	before := lines(t, first)
	lane.With(zap.String("path", "f")).Info("two")
	if got := lines(t, second); !strings.HasPrefix(got, "{") || !strings.Contains(got, `"root":"/data"`) || !strings.Contains(got, `"path":"f"`) || strings.Count(got, "\n") != 1 {
		t.Errorf("the new place has %q", got)
	}
	if got := lines(t, first); got != before || !strings.Contains(got, "the log goes on in another place file="+second) {
		t.Errorf("the old place has %q", got)
	}
}

// TestApplyUnusable: while the new place cannot be used the log stays in the old file. The level
// changes all the same, and once the new place can be used the entries go there.
func TestApplyUnusable(t *testing.T) {
	log, first, second := opened(t, confxml.Log{})
	if err := os.Mkdir(second, 0o700); err != nil {
		t.Fatal(err)
	}
	want := confxml.Log{File: second, Level: "debug"}
	if err := log.Apply(want, false); err != nil {
		t.Fatal(err)
	}
	log.Logger().Debug("one")
	if got := lines(t, first); !strings.Contains(got, "the old log goes on") || !strings.Contains(got, "remedy=") || !strings.Contains(got, "one") {
		t.Errorf("%q", got)
	}
	if err := os.Remove(second); err != nil {
		t.Fatal(err)
	}
	if err := log.Apply(want, false); err != nil {
		t.Fatal(err)
	}
	log.Logger().Debug("two")
	if !strings.Contains(lines(t, second), "two") || strings.Contains(lines(t, first), "two") {
		t.Errorf("%q, %q", lines(t, first), lines(t, second))
	}
}

// TestApplyOpensAgain: a log file that another program has moved away, as log rotation does, is
// created anew.
func TestApplyOpensAgain(t *testing.T) {
	log, first, second := opened(t, confxml.Log{})
	log.Logger().Info("one")
	if err := os.Rename(first, second); err != nil {
		t.Fatal(err)
	}
	if err := log.Apply(confxml.Log{File: first}, false); err != nil {
		t.Fatal(err)
	}
	log.Logger().Info("two")
	if a, b := lines(t, second), lines(t, first); !strings.Contains(a, "one") || strings.Contains(a, "two") || !strings.Contains(b, "two") {
		t.Errorf("moved: %q, new: %q", a, b)
	}
}

// TestApplyWhileLogging: no entry is lost while the log changes its place.
func TestApplyWhileLogging(t *testing.T) {
	const writers, each = 4, 500
	log, first, second := opened(t, confxml.Log{})
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			mine := log.Logger().With(zap.Int("writer", w))
			for i := range each {
				mine.Info("entry", zap.Int("number", i))
			}
		})
	}
	for i := range 20 {
		file := first
		if i%2 == 0 {
			file = second
		}
		if err := log.Apply(confxml.Log{File: file}, false); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
	got := lines(t, first) + lines(t, second)
	for w := range writers {
		for i := range each {
			if !strings.Contains(got, fmt.Sprintf(" entry writer=%d number=%d\n", w, i)) {
				t.Fatalf("entry %d of writer %d is lost", i, w)
			}
		}
	}
}
