package testkit

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func itoa(n int) string { return strconv.Itoa(n) }

// standIn writes a program that starts in the same way as the real one.
func standIn(t *testing.T, script string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sersync")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

const waiting = `echo "watch path is: /x"; trap 'exit 7' TERM; while :; do sleep 0.02; done`

func TestStartWaitsAndStops(t *testing.T) {
	s := Start(t, Options{Config: "<head></head>", Binary: standIn(t, `cat "$2"; `+waiting)})
	if !strings.Contains(s.Stdout(), s.State) {
		t.Errorf("no state directory in the configuration: %q", s.Stdout())
	}
	if !s.Alive() || s.Exited() {
		t.Error("not alive after its start")
	}
	if code := s.Stop(); code != 7 {
		t.Errorf("exit status %d, want 7", code)
	}
	if s.Alive() || !s.Exited() {
		t.Error("alive after its end")
	}
}

func TestKill9IsNotCaught(t *testing.T) {
	s := Start(t, Options{Config: "<head/>", Binary: standIn(t, waiting)})
	s.Kill9()
	if code := s.Wait(time.Second); code != -1 {
		t.Errorf("exit status %d, want -1 for a signal", code)
	}
}

func TestPauseStopsTheProgram(t *testing.T) {
	file := filepath.Join(t.TempDir(), "n")
	s := Start(t, Options{Binary: standIn(t, `echo "watch path is: x"; while :; do echo >> `+file+`; sleep 0.01; done`)})
	size := func() int64 {
		info, err := os.Stat(file)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	Eventually(t, 5*time.Second, "it runs", func() bool { return size() > 3 })
	s.Pause()
	if !Settled(200*time.Millisecond, 5*time.Second, func() string { return itoa(int(size())) }) {
		t.Error("it goes on while paused")
	}
	before := size()
	s.Continue()
	Eventually(t, 5*time.Second, "it goes on", func() bool { return size() > before })
}

func TestCleanupFindsADetachedDaemon(t *testing.T) {
	var s *Sersync
	t.Run("start", func(t *testing.T) {
		s = Start(t, Options{Binary: standIn(t, `echo "watch path is: x"; setsid sleep 1000 & sleep 0.1`)})
		s.Wait(5 * time.Second)
		Eventually(t, 5*time.Second, "the daemon has detached", func() bool { return len(s.Processes()) == 1 })
	})
	Eventually(t, 5*time.Second, "the daemon has ended", func() bool { return len(s.Processes()) == 0 })
}

func TestStartAsAnotherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may change its user")
	}
	s := Start(t, Options{
		Config: "<head></head>", Binary: standIn(t, `id -u; touch "$XDG_STATE_HOME/x" && `+waiting),
		Credential: &syscall.Credential{Uid: 65534, Gid: 65534},
	})
	if !strings.HasPrefix(s.Stdout(), "65534\n") {
		t.Errorf("stdout %q", s.Stdout())
	}
}
