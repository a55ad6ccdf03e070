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
