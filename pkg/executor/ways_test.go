package executor

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

// scripted is an rsync that runs a line of shell on its list, in $list, before
// the real one gets it. It ends the run itself by exit.
func scripted(t *testing.T, script string) string {
	t.Helper()
	real, err := exec.LookPath("rsync")
	must(t, err)
	dir := t.TempDir()
	text := fmt.Sprintf("#!/bin/sh\nlist='%s'/list.$$\ncat > \"$list\"\n%s\nexec %s \"$@\" < \"$list\"\n", dir, script, real)
	testkit.WriteProgram(t, dir+"/rsync", text)
	return dir + "/rsync"
}

func program(file string) func(*setup) { return func(o *setup) { o.Way.Program = file } }

func TestAnUnclearFailureIsSplitDownToItsPath(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{options: program(scripted(t, `if grep -qaz '^bad$' "$list"; then echo strange >&2; exit 23; fi`))})
	must(t, b.Pause(t.Context(), true))
	for i := range 40 {
		b.write(fmt.Sprint("f", i), "1")
	}
	b.write("bad", "1")
	must(t, b.Pause(t.Context(), false))
	for i := range 40 {
		b.arrives(fmt.Sprint("f", i), "1")
	}
	testkit.Eventually(t, patient, "bad alone is dirty", func() bool {
		s := b.dirty.Stats()
		return s.Pending+s.InFlight == 1 && s.Delayed == 1 && b.there("bad") == "<none>"
	})
}

func TestAMissingRsyncIsTroubleWithARemedy(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{options: program("/no/such/rsync")})
	b.write("f", "1")
	testkit.Eventually(t, patient, "the lane says so", func() bool {
		s := b.Snapshot(time.Now())
		return s.Reason == "rsync could not be started" && strings.Contains(s.Remedy, "install rsync") && s.Pending == 1
	})
}

// A path changes while the run for it is under way: it stays dirty.
func TestAChangeDuringTheRunIsSentAgain(t *testing.T) {
	t.Parallel()
	hold := filepath.Join(t.TempDir(), "hold")
	must(t, os.WriteFile(hold, nil, 0o644))
	b := newBed(t, with{options: program(scripted(t, `while [ -e '`+hold+`' ]; do sleep 0.02; done`))})
	b.write("f", "1")
	testkit.Eventually(t, patient, "the run waits", func() bool { return b.ran("files-from") == 1 })
	b.write("f", "22")
	b.write("g", "1") // no second run beside it
	if s := b.dirty.Stats(); s.InFlight != 1 || s.Pending != 2 {
		t.Errorf("%+v", s)
	}
	must(t, os.Remove(hold))
	b.arrives("f", "22")
	b.arrives("g", "1")
	b.idle()
	if n := b.ran("files-from"); n != 2 {
		t.Errorf("%d runs, want 2: what came in meanwhile goes in one", n)
	}
}

func TestOverSSHOneConnectionServes(t *testing.T) {
	s := testkit.Sshd(t)
	t.Setenv("PATH", s.Bin+":"+os.Getenv("PATH"))
	socket := filepath.Join(t.TempDir(), "s")
	b := newBed(t, with{files: []string{"gone", "d/x"}, options: func(o *setup) {
		o.Way.Target.SSH, o.Way.Target.Port = true, 0
		o.Way.Target.Name = strings.TrimSuffix(s.Dir, "/") + "/target dir"
		o.Way.ControlPath = socket
		o.Way.Standby = true

	}})
	b.dst = s.Dir + "/target dir"
	for i := range 5 {
		b.write(fmt.Sprint("f'", i), "1")
		b.arrives(fmt.Sprint("f'", i), "1")
	}
	testkit.Eventually(t, patient, "the one connection stands", func() bool { _, err := os.Lstat(socket); return err == nil })
	b.write("after", "1")
	b.arrives("after", "1")
	b.Mark("gone", 0)
	b.arrives("gone", "old")
	b.remove("gone")
	b.arrives("gone", "<none>")
	b.idle()
}

// ssh may run other programs (ProxyCommand) and hand variables on (SendEnv).
func TestSSHIsToldNoPassword(t *testing.T) {
	s := testkit.Sshd(t)
	told := filepath.Join(t.TempDir(), "told")
	ssh, err := os.ReadFile(s.Bin + "/ssh")
	must(t, err)
	testkit.WriteProgram(t, s.Bin+"/ssh", strings.Replace(string(ssh), "exec ", "echo \"$*:$RSYNC_PASSWORD:\" >> "+told+"\nexec ", 1))
	t.Setenv("PATH", s.Bin+":"+os.Getenv("PATH"))
	t.Setenv("RSYNC_PASSWORD", "secret")
	b := newBed(t, with{options: func(o *setup) {
		o.Way.Target.SSH, o.Way.Target.Port, o.Way.Target.Name = true, 0, s.Dir+"/t"
		o.Way.ControlPath = filepath.Join(t.TempDir(), "s")
	}})
	b.dst = s.Dir + "/t"
	b.write("f", "1")
	b.arrives("f", "1")
	testkit.Eventually(t, patient, "the one connection and a run's have been made", func() bool {
		text, err := os.ReadFile(told)
		return err == nil && strings.Contains(string(text), "ControlMaster=yes") && strings.Contains(string(text), "ControlMaster=no")
	})
	b.idle()
	if text, err := os.ReadFile(told); err != nil || strings.Contains(string(text), "secret") {
		t.Errorf("%s, %v", text, err)
	}
}

func TestAPathTheSSHTargetCannotTakeIsNamed(t *testing.T) {
	s := testkit.Sshd(t)
	t.Setenv("PATH", s.Bin+":"+os.Getenv("PATH"))
	b := newBed(t, with{options: func(o *setup) {
		o.Way.Target.SSH, o.Way.Target.Port, o.Way.Target.Name = true, 0, s.Dir+"/t"
		o.MayDelete = false
	}})
	b.dst = s.Dir + "/t"
	put(t, b.dst, "d/x/in the way", "1")
	must(t, os.MkdirAll(b.src+"/d", 0o755))
	b.Mark("", 0)
	b.write("d/x", "a file now")
	b.write("d/y", "1")
	b.write("z", "1")
	b.arrives("d/y", "1")
	b.arrives("z", "1")
	testkit.Eventually(t, patient, "d/x alone fails", func() bool {
		f := b.dirty.Failing(10)
		return len(f) == 1 && f[0].Path == "d/x" && b.dirty.Stats().Pending+b.dirty.Stats().InFlight == 1
	})
}

func TestCatchUpFindsWhatChanged(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{files: []string{"same", "d/changed", "d/gone", "moved/a/b"}, options: func(o *setup) { o.Mirrored, o.MirrorScope = true, Scope{} }})
	since := time.Now()
	testkit.Eventually(t, patient, "the clock of the file system has moved on", func() bool {
		put(t, b.src, "tick", "1")
		st, err := os.Stat(b.src + "/tick")
		return err == nil && st.ModTime().After(since)
	})
	put(t, b.src, "d/changed", "new content")
	must(t, os.Remove(b.src+"/d/gone"))
	must(t, os.Rename(b.src+"/moved", b.src+"/here"))
	if _, err := CatchUp(t.Context(), since, []*Lane{b.Lane}, nil); err != nil {
		t.Fatal(err)
	}
	b.equal()
	b.idle()
}

func TestCatchUpWithoutARoot(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{})
	b.gone.Store(true)
	if _, err := CatchUp(t.Context(), time.Now(), []*Lane{b.Lane}, nil); !errors.Is(err, transport.ErrRootGone) {
		t.Error(err)
	}
	b.gone.Store(false)
}

// A deletion that the brake holds waits; what is sent does not.
func TestTheBrakeHoldsDeletionsOnly(t *testing.T) {
	t.Parallel()
	held := true
	b := newBed(t, with{files: []string{"f", "d/x"}, options: func(o *setup) {
		o.Held = func(string, bool) string {
			if held {
				return "the disk is away"
			}
			return ""
		}
		o.Mirrored, o.MirrorScope = true, Scope{}
	}, there: []string{"only"}})
	b.remove("f")
	b.remove("d")
	b.Mark("", dirty.Extras)
	b.write("g", "1")
	b.arrives("g", "1")
	if r := b.fullSync2(fullsync.Request{Mirror: true}); r.Err != nil {
		t.Fatal(r.Err)
	}
	testkit.Eventually(t, patient, "only deletions wait", func() bool { s := b.dirty.Stats(); return s.Pending == 2 && s.InFlight == 0 })
	if b.there("f") != "old" || b.there("d/x") != "old" || b.there("only") != "there" {
		t.Error("deleted")
	}
}

// What was deleted in a tree that is dirty as a whole waits for the brake, too.
func TestTheBrakeForgetsNoDeletionInATree(t *testing.T) {
	t.Parallel()
	var held atomic.Bool
	held.Store(true)
	b := newBed(t, with{files: []string{"d/x", "d/y"}, options: func(o *setup) {
		o.Held = func(string, bool) string {
			if held.Load() {
				return "the root is another one"
			}
			return ""
		}
	}})
	must(t, os.Remove(b.src+"/d/x"))
	b.write("d/y", "new")
	b.Mark("d", dirty.Tree|dirty.Gone)
	b.arrives("d/y", "new")
	testkit.Eventually(t, patient, "it waits", func() bool { s := b.dirty.Stats(); return s.Pending == 1 && s.InFlight == 0 })
	if b.there("d/x") != "old" {
		t.Error("deleted")
	}
	held.Store(false)
	must(t, b.RetryNow(t.Context()))
	testkit.Eventually(t, patient, "the deletion arrives", func() bool { return b.there("d/x") == "<none>" })
	b.idle()
}
