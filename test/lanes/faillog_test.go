package lanes

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/transport"
)

// logged returns the commands that the fail log holds.
func (b *bed) logged() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, e := range b.failLog {
		all = append(all, fmt.Sprint(e.WaitStatus>>8, " ", strings.Join(e.Argv, " ")))
	}
	return strings.Join(all, "\n")
}

// An ordinary outage shows in the fail log, whose size is what monitors look at, as with 2.5.4.
// When everything has arrived the fail log is empty again.
func TestTheFailLogDuringAnOutage(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{})
	must(t, b.fullSync(fullsync.Request{}).Err)
	b.daemon.Stop()
	b.write("a", "1")
	testkit.Eventually(t, patient, "a is listed", func() bool {
		return strings.Contains(b.logged(), "10 rsync -artuz -R") && strings.Contains(b.logged(), " ./a ")
	})
	b.write("d/b", "1")
	testkit.Eventually(t, patient, "what came later, too", func() bool { return strings.Contains(b.logged(), " ./d/b ") })
	b.daemon.Start()
	b.equal()
	testkit.Eventually(t, patient, "the fail log is empty", func() bool { return b.logged() == "" })
}

// A person can run the fail log: it sends and deletes what waits, with the user's options and
// without those that only this program needs.
func TestTheFailLogCanBeRun(t *testing.T) {
	t.Parallel()
	for name, caps := range map[string]transport.Capabilities{"by name": {}, "by patterns": transport.Capabilities{}.Lacking(transport.MissingArgs)} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, with{
				files: []string{"old[1]", "dir/inside", "dir/deep/inside", "d/stays"}, there: []string{"d/theirs"},
				options: func(o *setup) { o.Caps = caps },
			})
			b.daemon.Stop()
			b.write("it's $HOME;*", "1")
			b.write("d/new", "1")
			b.remove("old[1]")
			b.remove("dir")
			testkit.Eventually(t, patient, "all of it is listed", func() bool {
				s := b.logged()
				return strings.Contains(s, "./d/new") && strings.Contains(s, "$HOME") && strings.Contains(s, "old") && strings.Contains(s, "dir")
			})
			b.stop()
			for _, own := range []string{"--sockopts", "--contimeout", "--out-format", "--no-motd", "--from0", "--modify-window"} {
				if strings.Contains(b.logged(), own) {
					t.Errorf("%s in\n%s", own, b.logged())
				}
			}
			b.daemon.Start()
			path := filepath.Join(t.TempDir(), "fail.sh")
			script, err := failqueue.New(path)
			must(t, err)
			must(t, script.Update(b.failLog))
			if out, err := exec.Command("sh", "-e", path).CombinedOutput(); err != nil {
				text, _ := os.ReadFile(path)
				t.Fatalf("%v: %s\n%s", err, out, text)
			}
			must(t, os.Remove(b.dst+"/d/theirs")) // nobody asked for this deletion
			b.equal()
		})
	}
}
