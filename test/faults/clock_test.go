package faults

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// These tests do not change the machine's clock. They make what a clock leaves behind that is set
// back while the program does not run: a state file with a later time, and files with times in the
// future.

// fullDone is in the log once for each full sync that has ended.
const fullDone = "full sync done"

// TestClockSetBack: files that change after the clock was set back have times before the watermark.
// They arrive all the same. Nothing is deleted that exists only on the target and that nobody has
// asked to mirror. The log says why everything was compared.
func TestClockSetBack(t *testing.T) {
	for _, c := range []struct {
		name   string
		args   []string
		reboot bool
		says   string
	}{
		{"during one boot", nil, false, "the clock was set back"},
		{"and the machine started again", nil, true, "dated in the future"},
		{"after a mirror run", []string{"-r"}, false, "the clock was set back"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.write("change", "remove", "gone/a", "d/f", "same")
			s.start(c.args...)
			s.logs(fullDone)
			s.equal()
			s.must(os.WriteFile(s.dst+"/theirs", nil, 0o644))
			s.stop()
			s.savedAhead(2*time.Hour, c.reboot)
			s.write("change", "new", "d/new")
			s.do(testkit.Op{"rm", "remove"}, testkit.Op{"rmrf", "gone"}, testkit.Op{"rewritemany", "same", "9"})
			compared := strings.Count(s.logged(), fullDone)
			s.start()
			if len(c.args) > 0 {
				s.stays() // "theirs" has been deleted
			} else {
				s.compare.Extra = func(path string) bool { return path == "theirs" || path == "remove" || strings.HasPrefix(path, "gone") }
				s.stays()
				if !s.has("theirs") {
					t.Error("what only the target had was deleted")
				}
			}
			if !strings.Contains(s.logged(), c.says) {
				t.Errorf("the log does not say %q:\n%s", c.says, s.logged())
			}
			// From here on the state was written under the present clock, so the next start is an
			// ordinary one.
			testkit.Eventually(t, limit, "all has been compared", func() bool { return strings.Count(s.logged(), fullDone) > compared })
			s.stop()
			fulls := s.rsync.FullSyncs()
			s.write("after")
			s.start()
			s.stays()
			if n := s.rsync.FullSyncs(); n != fulls {
				t.Errorf("%d full syncs after an ordinary restart", n-fulls)
			}
		})
	}
}

// savedAhead changes the state files so that they seem to come from a clock that was ahead; reboot
// says that the machine was restarted since.
func (s *scene) savedAhead(ahead time.Duration, reboot bool) {
	s.t.Helper()
	files, err := filepath.Glob(s.set.State() + "/lane-*.json")
	s.must(err)
	if len(files) == 0 {
		s.t.Fatal("there is no state file")
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		s.must(err)
		var envelope, state, saved map[string]json.RawMessage
		s.must(json.Unmarshal(b, &envelope))
		s.must(json.Unmarshal(envelope["state"], &state))
		s.must(json.Unmarshal(state["saved"], &saved))
		var offset time.Duration
		s.must(json.Unmarshal(saved["offset"], &offset))
		saved["now"] = s.later(saved["now"], ahead)
		state["watermark"] = s.later(state["watermark"], ahead)
		saved["offset"] = s.json(offset + ahead)
		if reboot {
			saved["boot_id"] = s.json("another boot")
		}
		state["saved"] = s.json(saved)
		envelope["state"] = s.json(state)
		sum := sha256.Sum256(envelope["state"])
		envelope["sha256"] = s.json(hex.EncodeToString(sum[:]))
		s.must(os.WriteFile(file, s.json(envelope), 0o600))
	}
}

func (s *scene) later(value json.RawMessage, by time.Duration) json.RawMessage {
	s.t.Helper()
	var t time.Time
	s.must(json.Unmarshal(value, &t))
	return s.json(t.Add(by))
}

func (s *scene) json(value any) json.RawMessage {
	s.t.Helper()
	b, err := json.Marshal(value)
	s.must(err)
	return b
}

// TestClockOfFiles: files have times in the future, because the clock was ahead. They are changed
// while the clock is right: to an earlier time, at the same size, in place and by replacement.
// Everything that this host has sent before is replaced. With -u a file that another host has
// written on the remote is kept, and the status says so.
func TestClockOfFiles(t *testing.T) {
	for _, params := range []string{"-artz", "-artuz"} {
		t.Run(params, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, func(s *scene) { s.set.Params = params })
			ahead := time.Now().Add(2 * time.Hour)
			names := []string{"in-place", "replaced", "touched", "d/deep", "theirs"}
			s.write(names...)
			for _, name := range names {
				s.must(os.Chtimes(s.src+"/"+name, ahead, ahead))
			}
			s.mirror()
			s.equal()
			for _, name := range names {
				if info, err := os.Stat(s.dst + "/" + name); err != nil || !info.ModTime().Equal(ahead) {
					t.Fatalf("%s on the target is not of a time that has not come yet", name)
				}
			}
			s.must(os.WriteFile(s.dst+"/theirs", []byte("another host's"), 0o644))
			s.must(os.Chtimes(s.dst+"/theirs", ahead.Add(time.Hour), ahead.Add(time.Hour)))
			s.write("theirs")
			// The times of these files may still be in the future, or not any more.
			s.do(testkit.Op{"write", "in-place", "IN-PLACE"}, testkit.Op{"write", "d/deep", "IN-PLACE"})
			s.must(os.WriteFile(s.out+"/r", []byte("another one"), 0o644))
			s.do(testkit.Op{"mv", s.out + "/r", "replaced"})
			s.do(testkit.Op{"write", "touched", "for its time alone"})
			s.must(os.Chtimes(s.src+"/touched", s.long(), s.long()))
			s.write("new")
			if params == "-artz" {
				s.stays()
				return
			}
			s.compare.Excluded = func(path string, _ bool) bool { return path == "theirs" }
			s.stays()
			testkit.Eventually(t, limit, "the copy that another host has written is told", func() bool {
				return strings.Contains(s.ask("--status"), "1 file is newer on the remote")
			})
			if info, err := os.Stat(s.dst + "/theirs"); err != nil || !info.ModTime().Equal(ahead.Add(time.Hour)) {
				t.Error("what another host has written was replaced, although it is newer and -u is set")
			}
		})
	}
}
