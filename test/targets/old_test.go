package targets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// TestOldReceiver: everything arrives at old daemons: at those that greet and refuse as they were
// recorded, and at those of Debian's archive. Nothing of that counts as an outage.
func TestOldReceiver(t *testing.T) {
	for name, c := range map[string]struct {
		real    *testkit.DebianRsync // nil: the rsync of this host
		release *testkit.Release     // nil: the release of the rsync itself
		status  []string
		long    bool
	}{
		"3.0.9":           {nil, &testkit.Rsync309, []string{"rsync 3.0", "times compared by the second", "deletions by patterns"}, true},
		"3.1.2":           {nil, &testkit.Rsync312, []string{"rsync 3.1.0 to 3.2.6", "times compared by the second"}, false},
		"3.2.3":           {&testkit.Bullseye, nil, []string{"rsync 3.1.0 to 3.2.6"}, true},
		"3.2.7-1+deb12u6": {&testkit.Bookworm, nil, []string{"deletions by patterns"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.long {
				testkit.Long(t)
			}
			s := newScene(t, "")
			conf := testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: s.dst}}}
			if c.real != nil {
				conf.Program = c.real.Install(t)
			}
			d := testkit.Rsyncd(t, conf)
			port := d.Port()
			if c.release != nil {
				s.compare.WholeSeconds = c.release.Greeting == testkit.Rsync309.Greeting // the protocol of this release carries only whole seconds
				port = testkit.NewOldRsyncd(t, *c.release, d).Port()
			}
			s.set.Remotes = []string{testkit.At(port, "m")}
			s.oldWork(c.status)
		})
	}
}

// TestOldReceiverBehindSSH is the same over ssh, where rsync itself names the options that it does
// not know.
func TestOldReceiverBehindSSH(t *testing.T) {
	t.Parallel()
	testkit.Long(t)
	s := newSSH(t, "")
	s.set.Params = "-artuz --rsync-path=" + testkit.Bookworm.Install(t)
	s.oldWork([]string{"remote has rsync 3.2.7", "deletions by patterns"})
}

// oldWork is a start, some work, an idle time, a restart and more work. In between the status names
// the release of the remote's rsync, and what the program does without.
func (s *scene) oldWork(status []string) {
	s.t.Helper()
	s.write("before", "there", "sub/there")
	s.start()
	s.equal("the start")
	s.work()
	s.must(os.Remove(filepath.Join(s.src, "sub/there")))
	s.equal("a deletion below a directory")
	s.moves()
	for _, text := range status {
		s.status(text, 0)
	}
	s.write("inside", "turned/x")
	s.equal("a directory")
	s.end()
	s.must(os.RemoveAll(filepath.Join(s.src, "turned")))
	s.write("a file now", "turned")
	when := time.Now().Add(-48 * time.Hour) // the directory is newer on the remote, and with -u an old receiver keeps it
	s.must(os.Chtimes(filepath.Join(s.src, "turned"), when, when))
	s.write("after a restart", "late")
	s.must(os.Remove(filepath.Join(s.src, "there")))
	s.launch()
	s.equal("a restart")
	s.work2()
	s.idle()
	if strings.Contains(s.log(), "in trouble") {
		s.t.Errorf("a refusal counts as an outage")
	}
	s.end()
}

// work2 is a second round on the same tree.
func (s *scene) work2() {
	s.t.Helper()
	s.write("first", "again")
	s.write("other", "again")
	s.equal("a same-second rewrite")
	s.must(os.Remove(filepath.Join(s.src, "again")))
	s.equal("a deletion")
}

// TestOldClient has an older rsync on this host.
func TestOldClient(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	s := newScene(t, "")
	d := rsyncd(s, nil)
	s.set.Remotes = []string{testkit.At(d.Port(), "m")}
	s.rsync = testkit.NewRecorder(t, testkit.RecorderConf{Program: testkit.Bullseye.Install(t)})
	s.set.Rsync = s.rsync.Program
	s.write("before", "there", "sub/there")
	s.start()
	s.equal("the start")
	s.work()
	s.work2()
	s.idle()
	s.end()
}
