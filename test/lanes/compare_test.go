package lanes

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
)

// A daemon that refuses deletions does not report entries that only it has. So a comparison that
// finds nothing there does not count as one without differences.
func TestAComparisonWithADaemonThatRefusesDeletions(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{module: []string{"refuse options = delete"}, files: []string{"a"}, there: []string{"only"}})
	must(t, b.FullSync(t.Context(), fullsync.Request{Mirror: true}))
	testkit.Eventually(t, patient, "the refusal is known", func() bool { return b.Snapshot(time.Now()).Reason == "the daemon refuses deletions" })
	if r := b.fullSync(fullsync.Request{Verify: true}); r.Err == nil || !strings.Contains(r.Err.Error(), "refuses deletions") {
		t.Errorf("%+v", r)
	}
}

// A receiver sets the time of a new link to that of the link here only if its own clock shows
// another second.
func TestTheTimeOfALinkIsNoDifference(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{})
	must(t, os.Symlink("to", b.src+"/l"))
	must(t, os.Symlink(testkit.MungePrefix+"to", b.dst+"/l"))
	at := unix.NsecToTimespec(1e18)
	must(t, unix.UtimesNanoAt(unix.AT_FDCWD, b.dst+"/l", []unix.Timespec{at, at}, unix.AT_SYMLINK_NOFOLLOW))
	if r := b.fullSync(fullsync.Request{Verify: true}); r.Err != nil || slices.Contains(r.Differing, "l") {
		t.Errorf("%+v", r)
	}
	must(t, os.Remove(b.dst+"/l"))
	must(t, os.Symlink("elsewhere", b.dst+"/l"))
	if r := b.fullSync(fullsync.Request{Verify: true}); r.Err != nil || !slices.Contains(r.Differing, "l") {
		t.Errorf("%+v", r)
	}
}
