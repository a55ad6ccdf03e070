package targets

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// TestParams runs the work with each commonParams that was found in real configurations, and with
// options that people add.
func TestParams(t *testing.T) {
	type params struct {
		params  string // empty: there are no parameters
		without []string
		adapt   func(*scene)
	}
	tests := []params{
		{params: "-artuz"},
		{params: "-az"},
		{params: "-avz"},
		{params: "-auz --partial "},
		{params: "-rczgop", without: []string{"links"}},
		{params: "-azP"},
		{params: "-avrtuz"},
		{params: "-auvzP"},
		{params: `-artuz --exclude="a 'b" --exclude='x&y'`, adapt: excluding("a 'b", "x&y")},
		{params: " ", without: []string{"links"}},
		{params: "-artuz --exclude=*.log --exclude=/cache/", adapt: excluding("z.log", "cache")},
		{params: "-aHz"},
		{params: "-aX"},
		{params: "-aA"},
		{params: "-artuz --delete"},
		{params: "-artuz --delete-after --force"},
		{params: "-az --bwlimit=5000"},
		{params: "-acz"},
		{params: "-rc", without: []string{"links"}},
		{params: "-a --inplace"},
		{params: "-a --append-verify", adapt: func(s *scene) { s.compare.Times = false }, without: []string{"changes", "two changes in one second", "another in the same second", "an older file"}},
		{params: "-a --backup --backup-dir=.old", adapt: extra(".old")},
		{params: "-a --backup --suffix=.bak", adapt: func(s *scene) { s.compare.Extra = testkit.AnyExtra }},
		{params: "-a --chmod=D755,F600", adapt: func(s *scene) { s.compare.Modes = false }},
		{params: "-rptL", without: []string{"links"}},
		{params: "-a --no-perms --no-owner --no-group", adapt: func(s *scene) { s.compare.Modes, s.compare.Owners = false, false }},
		{params: "-rlt --size-only", without: []string{"two changes in one second", "another in the same second"}},
		{params: "-a -vvv --progress --stats --human-readable -i"},
		{params: "-a --itemize-changes --out-format=%f --quiet"},
		{params: "-a --no-r --no-R --numeric-ids"},
		{params: "-a --timeout=60 --contimeout=5 --sockopts=TCP_NODELAY"},
		{params: "-aW --no-compress --delay-updates"},
		{params: "-a --max-size=1m --min-size=1"},
		{params: "-a --temp-dir=."},
		{params: "-aS --partial-dir=.pieces"},
		{params: "-d", without: []string{"links"}},
		{params: "-a --log-file=$HOME/log-of-rsync"},
	}
	for _, test := range testkit.Few(tests, 4) {
		t.Run(test.params, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, test.params)
			s.without = map[string]bool{}
			for _, w := range test.without {
				s.without[w] = true
			}
			if test.adapt != nil {
				test.adapt(s)
			}
			s.params()
		})
	}
}

// params runs the work after a mirror run, and at the end makes entries that the parameters do not
// carry.
func (s *scene) params() {
	s.t.Helper()
	d := rsyncd(s, nil)
	s.set.Remotes = []string{testkit.At(d.Port(), "m")}
	s.write("before", "there", "sub/there")
	s.write("only there", "gone/x")
	s.must(os.Rename(filepath.Join(s.src, "gone"), filepath.Join(s.dst, "gone")))
	s.start()
	s.equal("the start")
	s.work()
	s.specials()
	s.idle()
	s.end()
}

// specials makes entries that some parameters do not carry; they must not stay dirty.
func (s *scene) specials() {
	s.t.Helper()
	path := func(name string) string { return filepath.Join(s.src, name) }
	away := s.src + "-away"
	s.must(os.MkdirAll(filepath.Join(away, "deep"), 0o755))
	s.must(exec.Command("mkfifo", filepath.Join(away, "first")).Run())
	s.must(os.Symlink("nowhere", filepath.Join(away, "dead")))
	s.must(os.Rename(away, path("specials"))) // moved in as a tree, not path by path
	s.must(exec.Command("mkfifo", path("specials/fifo")).Run())
	s.must(os.Symlink("nowhere", path("specials/dangling")))
	if !strings.Contains(s.set.Params, "L") { // with -L rsync itself fails at a loop of links
		s.must(os.Symlink(".", path("specials/loop")))
	}
	s.must(os.Symlink("/etc/hostname", path("specials/outside")))
	s.write("new", "z.log", "cache/x", "specials/a 'b", "x&y")
	s.must(os.Link(path("there"), path("specials/hard")))
	s.write("last", "specials/deep/last")
	testkit.Eventually(s.t, limit, "the last file arrives", func() bool {
		b, err := os.ReadFile(filepath.Join(s.dst, "specials/deep/last"))
		return err == nil && string(b) == "specials/deep/last last\n"
	})
	s.must(os.Remove(path("specials/fifo")))
	s.must(os.Remove(path("z.log")))
	s.write(fmt.Sprint(time.Now()), "specials/deep/last")
}

func excluding(names ...string) func(*scene) {
	return func(s *scene) {
		s.compare.Excluded = func(path string, _ bool) bool {
			return slices.Contains(names, filepath.Base(path))
		}
	}
}

// extra lets the target have the files that --backup keeps.
func extra(suffix string) func(*scene) {
	return func(s *scene) {
		s.compare.Extra = func(path string) bool {
			for p := path; p != "."; p = filepath.Dir(p) {
				if filepath.Base(p) == suffix || filepath.Ext(p) == suffix {
					return true
				}
			}
			return false
		}
	}
}
