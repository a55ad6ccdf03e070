package plugins

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/plugins/plugintest"
)

func sprint(v any) string { return fmt.Sprint(v) }

// script writes a command for the command plugin.
func (s *scene) script(text string) {
	s.t.Helper()
	file := filepath.Join(s.base, "script")
	s.must(os.WriteFile(file, []byte("#!/bin/sh\n"+text+"\n"), 0o700))
	s.refs += `<plugin start="true" name="command"/>` + "\n"
	s.elements += `<plugin name="command"><param prefix="` + file + `"/></plugin>` + "\n"
}

// TestStopUnderLoad: with receivers that hang and commands that never end, the program still stops
// in bounded time and leaves no process.
func TestStopUnderLoad(t *testing.T) {
	testkit.Long(t)
	for _, alone := range []bool{false, true} {
		t.Run(map[bool]string{false: "sync", true: "alone"}[alone], func(t *testing.T) {
			s := newScene(t, 1)
			s.script("trap '' TERM\nsleep 1000 &\necho ran >>'" + s.base + "/ran'\nwait\nsleep 1000")
			if alone {
				s.start("-m", "command")
			} else {
				for _, name := range []string{"socket", "http", "refreshCDN"} {
					s.plug(name, "", "").Behave(plugintest.Hang)
				}
				s.start()
			}
			s.do(testkit.Op{"writemany", "f%d", "3000"})
			testkit.Eventually(t, limit, "commands run", func() bool { return testkit.Exists(s.base + "/ran") })
			begin := time.Now()
			if status := s.app.Stop(); status != 0 {
				t.Errorf("exit %d\n%s", status, s.app.Stderr())
			}
			took := time.Since(begin)
			t.Logf("stopped after %v", took)
			if took > 20*time.Second {
				t.Errorf("the stop took %v", took)
			}
			if !testkit.Poll(5*time.Second, func() bool { return len(s.app.Processes()) == 0 }) {
				t.Errorf("left behind: %q", s.children())
			}
		})
	}
}

// TestStopDelivers: the plugins are told of the last synced paths before the program ends.
func TestStopDelivers(t *testing.T) {
	s := newScene(t, 1)
	r := s.plug("socket", "", "")
	s.start()
	s.do(testkit.Op{"writemany", "f%d", "300"})
	testkit.Eventually(t, limit, "synced", func() bool { return testkit.Exists(s.dst[0] + "/f299") })
	testkit.WaitEqual(t, s.src, s.dst[0], testkit.CompareFor("-artuz"), limit)
	s.app.Stop()
	for i := range 300 {
		if !r.has(s.at(fmt.Sprint("f", i))) {
			t.Fatalf("f%d was not told", i)
		}
	}
}

// TestCommandFloods: a command writes output without end and leaves children behind. The sync and
// the deliveries of other paths go on.
func TestCommandFloods(t *testing.T) {
	testkit.Long(t)
	s := newScene(t, 1)
	s.script("sleep 1000 & echo $! >>'" + s.base + "/left'\nhead -c 5000000 /dev/zero; echo \"$1\" >>'" + s.base + "/told'")
	s.start()
	s.do(testkit.Op{"writemany", "f%d", "20"})
	testkit.Eventually(t, limit, "all commands have run", func() bool {
		b, _ := os.ReadFile(s.base + "/told")
		return strings.Count(string(b), "\n") >= 20
	})
	if n := len(s.app.Stdout()); n > 20*(64<<10)+100_000 {
		t.Errorf("%d bytes were passed on", n)
	}
}
