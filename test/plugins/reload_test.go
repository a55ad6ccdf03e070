package plugins

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/plugins/plugintest"
)

// TestReload: a reload loses no path that a receiver has not got because it is down, and none that
// waits for a remote. That also holds for a reload that makes another watch, as one with another
// filter does.
func TestReload(t *testing.T) {
	s := newScene(t, 2)
	s.remotes[1].Stop()
	r := s.plug("socket", "", "")
	all := s.plug("http", `when="all"`, "")
	s.start("-d")
	s.do(testkit.Op{"write", "first"})
	s.told(r, "first")
	r.Behave(plugintest.Refuse)
	s.do(testkit.Op{"writemany", "f%d", "50"})
	testkit.Eventually(t, limit, "all wait", func() bool { return s.plugin("socket").Pending == 50 && s.plugin("http").Pending == 51 })
	for i := range 3 {
		s.set.Exclude = [][]string{nil, {"never"}, {"never", "ever"}}[i]
		text := strings.Replace(s.config(), `standby="true"`, fmt.Sprintf(`total="%d" standby="true"`, 50+i), 1)
		s.must(os.WriteFile(s.app.File, []byte(testkit.WithState(text, s.app.State)), 0o600))
		s.app.Signal(syscall.SIGHUP)
		testkit.Eventually(t, limit, "configuration read again", func() bool { return strings.Count(s.log(), "configuration read again") == i+1 })
		s.do(testkit.Op{"write", fmt.Sprint("during", i)})
	}
	// The last changes may be told again, because events are lost between two watches.
	testkit.Eventually(t, limit, "all wait still", func() bool { return s.plugin("socket").Pending >= 53 && s.plugin("http").Pending >= 54 })
	r.Behave(plugintest.Serve)
	s.remotes[1].Start()
	var want []string
	for i := range 50 {
		want = append(want, fmt.Sprint("f", i))
	}
	want = append(want, "during0", "during1", "during2")
	s.told(r, want...)
	s.told(all, append(want, "first")...)
	for _, name := range []string{"socket", "http"} {
		if p := s.plugin(name); p.Dropped != 0 {
			t.Errorf("%+v", p)
		}
	}
}
