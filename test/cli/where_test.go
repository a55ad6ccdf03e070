package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/status"
)

// where returns the answer about a path, and the exit status.
func (s *scene) where(path string) (status.Whereabouts, int) {
	s.t.Helper()
	out, errs, code := s.run("--where", path, "--json", "-o", s.file())
	var found status.Whereabouts
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		s.t.Fatalf("--where %s: %v: %s%s", path, err, out, errs)
	}
	return found, code
}

// TestWhereAndPending: with a real daemon --where says that a path is the same, missing, older, or
// excluded, and by which line. The list of pending paths has each one's reason; in an outage the
// outage is the reason for all of them.
func TestWhereAndPending(t *testing.T) {
	s := newScene(t)
	s.set.Exclude = []string{`(.*)\.bak`}
	s.write(s.src+"/d/same", "text")
	s.write(s.src+"/x.bak", "text")
	s.start("-r")
	s.equal(testkit.Compare{Excluded: func(path string, _ bool) bool { return strings.HasSuffix(path, ".bak") }})

	if found, code := s.where(s.src + "/d/same"); code != 0 || found.Places[0].Verdict != status.Same || !found.Places[0].Contents {
		t.Errorf("a file that is there: %d %+v", code, found)
	}
	testkit.Eventually(t, limit, "nothing waits", func() bool { // the full sync ends after the last file has arrived
		out, code := s.ask("--pending")
		return code == 0 && out == "nothing waits\n"
	})
	found, code := s.where(s.src + "/x.bak")
	if e := found.Places[0].Excluded; code != 1 || e == nil || e.By != status.ByFilter || e.File != s.file() || e.Line == 0 || !lineHolds(t, e.File, e.Line, `.bak`) {
		t.Errorf("an excluded file: %d %+v", code, found.Places[0].Excluded)
	}
	s.must(os.Remove(filepath.Join(s.dst, "d/same")))
	if found, code := s.where(s.src + "/d/same"); code != 1 || found.Places[0].Verdict != status.Missing {
		t.Errorf("a file that somebody has removed there: %d %+v", code, found)
	}
	if _, errs, code := s.run("--where", "/elsewhere/x", "-o", s.file()); code != 1 || !strings.Contains(errs, "the watch roots are: "+s.src) {
		t.Errorf("a path of no watch root: %d %q", code, errs)
	}

	s.rsyncd.Stop()
	s.write(s.src+"/d/new", "text")
	testkit.Eventually(t, limit, "the outage is the reason", func() bool {
		found, code := s.where(s.src + "/d/new")
		p := found.Places[0]
		return code == 1 && p.Verdict == status.Unasked && p.Reason == "the remote refuses the connection" && p.Waiting != nil
	})
	out, code := s.ask("--pending", "1", "--json")
	var p status.Pending
	if err := json.Unmarshal([]byte(out), &p); err != nil || code != 1 || p.Total != 1 || p.Waits[0].Path != "d/new" || p.Waits[0].Number != 1 {
		t.Errorf("--pending: %v %d %s", err, code, out)
	}
	if out, code := s.ask("--resync"); code != 0 {
		t.Errorf("--resync: %d %q", code, out)
	}
	testkit.Eventually(t, limit, "the full sync that is owed waits, too", func() bool {
		out, code := s.ask("--pending")
		return code == 1 && strings.Contains(out, ", the full sync is not done\n")
	})
}

// TestWhereOverSSH: a remote over ssh gives the same answers as a daemon.
func TestWhereOverSSH(t *testing.T) {
	s := newScene(t)
	sshd := testkit.Sshd(t)
	s.set.Remotes = []string{fmt.Sprintf(`ip="127.0.0.1" name="%s" ssh="true"`, s.dst)}
	s.write(s.src+"/d/same", "text")
	s.startWith(testkit.Options{Path: []string{sshd.Bin}}, "-r")
	s.equal(testkit.Compare{})
	if found, code := s.where(s.src + "/d/same"); code != 0 || found.Places[0].Verdict != status.Same || !found.Places[0].Contents {
		t.Errorf("a file that is there: %d %+v", code, found)
	}
	s.must(os.WriteFile(filepath.Join(s.dst, "d/same"), []byte("another text"), 0o644))
	s.must(os.Chtimes(filepath.Join(s.dst, "d/same"), s.long, s.long))
	if found, code := s.where(s.src + "/d/same"); code != 1 || found.Places[0].Verdict != status.Older || found.Places[0].There.Size != 12 {
		t.Errorf("a file that is older there: %d %+v", code, found)
	}
	s.must(os.WriteFile(filepath.Join(s.dst, "only"), nil, 0o644))
	if found, code := s.where(s.src + "/only"); code != 1 || found.Places[0].Verdict != status.Only {
		t.Errorf("a file that is only there: %d %+v", code, found)
	}
}

// lineHolds tells whether one line of a file contains a text.
func lineHolds(t *testing.T, file string, line int, text string) bool {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	return line <= len(lines) && strings.Contains(lines[line-1], text)
}

// TestHistoryGoesOn: after the next start the recent transfers still show a file that was sent
// before the stop.
func TestHistoryGoesOn(t *testing.T) {
	s := newScene(t)
	app := s.start("-r")
	if out, code := s.ask("--wait"); code != 0 { // a file that the full sync brings is not listed as a transfer of its own
		t.Fatal(out)
	}
	s.write(s.src+"/before", "text")
	s.equal(testkit.Compare{})
	if _, code := s.ask("--stop"); code != 0 {
		t.Fatal("it does not stop")
	}
	app.Wait(limit)
	s.start()
	out, _ := s.ask("--status", "--json")
	var snap status.Snapshot
	s.must(json.Unmarshal([]byte(out), &snap))
	names := []string{}
	for _, tr := range snap.Lanes[0].Transfers {
		names = append(names, tr.Path)
	}
	if !strings.Contains(strings.Join(names, " "), "before") || time.Since(snap.Started) > limit {
		t.Errorf("the recent transfers are %q", names)
	}
}
