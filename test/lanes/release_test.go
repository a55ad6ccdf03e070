package lanes

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

func (b *bed) has(release string) {
	b.Helper()
	testkit.Eventually(b.T, patient, "the remote has "+release, func() bool {
		return strings.HasPrefix(b.Snapshot(time.Now()).Release, release)
	})
}

func TestTheReleaseOfADaemonIsNamed(t *testing.T) {
	t.Parallel()
	b, old := oldBed(t, testkit.Rsync309, with{})
	b.has("rsync 3.0")
	old.Become(testkit.RsyncDead)
	b.write("f", "1")
	testkit.Eventually(t, patient, "the lane backs off", func() bool { return b.down() })
	old.Become(testkit.RsyncNow)
	b.arrives("f", "1")
	b.has("rsync 3.4")
}

func TestTheReleaseBehindSSHIsNamed(t *testing.T) {
	s := testkit.Sshd(t)
	t.Setenv("PATH", s.Bin+":"+os.Getenv("PATH"))
	b := newBed(t, with{options: func(o *setup) { o.Way.Target.SSH, o.Way.Target.Port, o.Way.Target.Name = true, 0, s.Dir+"/t" }})
	b.has("rsync 3.")
}

// A stop does not wait for a remote that does not say which rsync it has.
func TestStoppingDoesNotWaitForTheRelease(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{})
	b.daemon.Freeze()
	defer b.daemon.Thaw()
	frozen := newBed(t, with{options: func(o *setup) { o.Way.Target.Port = b.daemon.Port() }})
	begun := time.Now()
	frozen.stop()
	if took := time.Since(begun); took >= 2*time.Second { // as long as the question may take
		t.Errorf("it took %v", took)
	}
}
