package child

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/internal/testkit"
)

func sh(script string) Command {
	return Command{Program: "/bin/sh", Args: []string{"-c", script}, Dir: "/"}
}

func alive(pid int) bool {
	state, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(state), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func TestChildrenDieWithAKilledParent(t *testing.T) {
	_, pid := killedParent(t, "cat >/dev/null; exec sleep 1000", 0, "")
	testkit.Eventually(t, 10*time.Second, "the child has died", func() bool { return !alive(pid) })
}

// A receiving rsync consists of two processes: the second one is a grandchild, and has to end, too.
func TestGrandchildrenDieWithAKilledParent(t *testing.T) {
	dir, pid := killedParent(t, "while :; do date > beat; sleep 0.05; done & wait", 0, "beat")
	testkit.Eventually(t, 10*time.Second, "the child has died", func() bool { return !alive(pid) })
	beat := func() time.Time {
		st, err := os.Stat(filepath.Join(dir, "beat"))
		must(t, err)
		return st.ModTime()
	}
	var last time.Time
	testkit.Eventually(t, 10*time.Second, "its own child is quiet", func() bool {
		was := last
		time.Sleep(500 * time.Millisecond) // the time of ten beats
		last = beat()
		return last.Equal(was)
	})
}

// Inside a container the kernel may refuse a namespace: then a child runs without the one that was
// asked for. A child that has a pid namespace has the pid 1 there.
func TestAChildWithoutANamespace(t *testing.T) {
	self, err := os.Executable()
	must(t, err)
	run := func(command ...string) string {
		cmd := exec.Command(command[0], append(command[1:], self)...)
		cmd.Env = append(os.Environ(), plainEnv+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%q: %v\n%s", command, err, out)
		}
		return string(out)
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can take the rights from itself")
	}
	if out := run("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"); !strings.HasPrefix(out, "a list\npid ") || out == "a list\npid 1\n" {
		t.Errorf("without rights: %q", out)
	}
	if out := run("env"); out != "a list\npid 1\n" {
		t.Errorf("with rights: %q", out)
	}
}

// A child must not take its parent's death for the end of its list.
func TestAKilledParentCutsNoListShort(t *testing.T) {
	cut := ""
	for range 20 { // chance decides whether the child sees the end of the list or the signal first
		dir, pid := killedParent(t, "cat > all; mv all read", 500_000, "")
		testkit.Eventually(t, 10*time.Second, "the child has ended", func() bool { return !alive(pid) })
		if got, err := os.ReadFile(filepath.Join(dir, "read")); err == nil && len(got) != 500_000 {
			cut = fmt.Sprint(len(got), " bytes were taken for the whole list")
		}
	}
	if cut != "" {
		t.Error(cut)
	}
}

// killedParent starts a parent with a child that runs script in dir. It kills the parent as soon as
// the child exists and has made the file, if one is named.
func killedParent(t *testing.T, script string, list int, file string) (dir string, pid int) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	dir = t.TempDir()
	cmd := exec.Command(self)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), helperEnv+"="+script, listEnv+"="+strconv.Itoa(list))
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	pid, err = strconv.Atoi(strings.TrimSpace(line))
	must(t, err)
	if file != "" {
		testkit.Eventually(t, 10*time.Second, file+" is there", func() bool { return exists(filepath.Join(dir, file)) })
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	return dir, pid
}

// Kernels before 3.17 have no files in memory.
func TestAListWithoutMemfd(t *testing.T) {
	memfdCreate = func(string, int) (int, error) { return -1, unix.ENOSYS }
	t.Cleanup(func() { memfdCreate = unix.MemfdCreate })
	for _, n := range []int{0, 3, 1 << 20} {
		var got []byte
		c := sh("wc -c")
		c.Stdin, c.Line = make([]byte, n), func(b []byte) { got = append(got, b...) }
		p, err := launcher(t).Start(t.Context(), c)
		must(t, err)
		if e := p.Wait(); e.Exit != 0 || strings.TrimSpace(string(got)) != strconv.Itoa(n) {
			t.Errorf("%q of %d bytes arrived: %+v", got, n, e)
		}
	}
}

func TestChildrenGetTheirEnvironmentOnly(t *testing.T) {
	t.Setenv("SECRET_OF_THE_TEST", "x")
	var lines []string
	c := Command{Program: "/usr/bin/env", Dir: "/tmp", Env: []string{"TZ=UTC"}, Line: func(b []byte) { lines = append(lines, string(b)) }}
	p, err := launcher(t, "RSYNC_PASSWORD=p").Start(t.Context(), c)
	must(t, err)
	p.Feed(nil)
	if e := p.Wait(); e.Exit != 0 {
		t.Fatal(e)
	}
	want := map[string]bool{"PATH=" + os.Getenv("PATH"): true, "RSYNC_PASSWORD=p": true, "TZ=UTC": true}
	for _, l := range lines {
		if !want[l] && !strings.HasPrefix(l, "PWD=") {
			t.Errorf("the child has %q", l)
		}
		delete(want, l)
	}
	if len(want) > 0 {
		t.Errorf("missing %v", want)
	}
}

func TestAHangingChildIsEndedByInactivity(t *testing.T) {
	c := sh("cat >/dev/null; exec sleep 1000")
	c.Inactivity = 200 * time.Millisecond
	p, err := launcher(t).Start(t.Context(), c)
	must(t, err)
	p.Feed([]byte("x"))
	e := p.Wait()
	if e.Silence != Inactive || e.Exit == 0 {
		t.Errorf("%+v", e)
	}
}

// Keep-alives are no progress where it is known that the child waits in vain.
func TestAStuckChildIsEnded(t *testing.T) {
	for name, stuck := range map[string]bool{"it waits in vain": true, "nothing is known of that": false} {
		t.Run(name, func(t *testing.T) {
			c := Command{Program: "perl", Args: []string{"-e", `$| = 1; <STDIN>; for (1..10) { print "\n"; select(undef, undef, undef, 0.1) }`}}
			c.Inactivity, c.StuckAfter, c.Stuck = time.Minute, 300*time.Millisecond, func(still time.Duration) bool { return stuck && still >= 300*time.Millisecond }
			p, err := launcher(t).Start(t.Context(), c)
			must(t, err)
			p.Feed([]byte("x"))
			if e := p.Wait(); (e.Silence == Stuck) != stuck || (e.Exit == 0) == stuck {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestStillness(t *testing.T) {
	start := time.Now()
	for name, c := range map[string]struct {
		moved []uint64 // from second to second
		want  time.Duration
	}{
		"nothing":              {[]uint64{0, 0, 0, 0}, 4 * time.Second},
		"keep-alives":          {[]uint64{16, 32, 48, 64, 80, 96, 112, 128}, 8 * time.Second},
		"work":                 {[]uint64{1000, 2000, 3000}, 0},
		"work, then nothing":   {[]uint64{1000, 2000, 2000, 2000}, 2 * time.Second},
		"little, but not less": {[]uint64{200, 400, 600, 800, 1000}, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			s, got := stillness{since: start}, time.Duration(0)
			for i, moved := range c.moved {
				got = s.look(moved, start.Add(time.Duration(i+1)*time.Second))
			}
			if got != c.want {
				t.Errorf("still for %v, want %v", got, c.want)
			}
		})
	}
}

// The list is longer than a pipe can hold, and the child does not read it: that is what an rsync
// does whose daemon is frozen.
func TestAChildThatDoesNotTakeItsListIsEndedToo(t *testing.T) {
	c := sh("exec sleep 1000")
	c.Inactivity = 200 * time.Millisecond
	p, err := launcher(t).Start(t.Context(), c)
	must(t, err)
	p.Feed(make([]byte, 1<<20))
	if e := p.Wait(); e.Silence != Inactive {
		t.Errorf("%+v", e)
	}
}

func TestAWorkingChildIsNot(t *testing.T) {
	c := sh("for i in 1 2 3 4 5 6; do echo line; sleep 0.6; done")
	c.Inactivity = 3 * time.Second
	n := 0
	c.Line = func([]byte) { n++ }
	p, err := launcher(t).Start(t.Context(), c)
	must(t, err)
	p.Feed(nil)
	if e := p.Wait(); e.Silence != None || e.Exit != 0 || n != 6 {
		t.Errorf("%+v, %d lines", e, n)
	}
}

// A child that waits for its list is not taken for inactive.
func TestAStandbyIsNotInactive(t *testing.T) {
	c := sh("cat")
	c.Inactivity = time.Second
	var got []string
	c.Line = func(b []byte) { got = append(got, string(b)) }
	p, err := launcher(t).Start(t.Context(), c)
	must(t, err)
	if !testkit.Settled(3*time.Second/2, 5*time.Second, func() string { return strconv.FormatBool(p.Alive()) }) || !p.Alive() {
		t.Error("ended while it waited")
	}
	p.Feed([]byte("name\n"))
	if e := p.Wait(); e.Exit != 0 || len(got) != 1 || got[0] != "name" {
		t.Errorf("%+v %q", e, got)
	}
	if p.Alive() {
		t.Error("alive after Wait")
	}
}

// TestADiscardedChildIsNotAskedToEnd: a child that has got nothing to do ends at once. With SIGTERM
// an rsync would take 0.4 s to end, and so would every stop of the program.
func TestADiscardedChildIsNotAskedToEnd(t *testing.T) {
	p, err := launcher(t).Start(t.Context(), sh("trap '' TERM; read line"))
	must(t, err)
	p.Discard()
	if e := p.Wait(); syscall.WaitStatus(e.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("the child ended with %+v", e)
	}
	if !p.Stopped() {
		t.Error("the child does not count as stopped by this program")
	}
}

func TestTheWholeGroupIsEnded(t *testing.T) {
	for name, script := range map[string]string{
		"ends by itself":  "sleep 1000 >/dev/null 2>&1 </dev/null & echo $!; exit 3",
		"holds the pipe":  "sleep 1000 & echo $!; exit 3",
		"is killed":       "sleep 1000 & echo $!; wait",
		"ignores SIGTERM": "trap '' TERM; sleep 1000 & echo $!; while :; do sleep 0.1; done",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			pids := make(chan int, 1)
			c := sh(script)
			c.Line = func(b []byte) {
				pid, _ := strconv.Atoi(string(b))
				pids <- pid
			}
			p, err := launcher(t).Start(ctx, c)
			must(t, err)
			p.Feed(nil)
			grandchild := <-pids
			if !strings.Contains(script, "exit 3") {
				cancel()
			}
			start := time.Now()
			e := p.Wait()
			if took := time.Since(start); took > killWait+outputWait {
				t.Errorf("took %v", took)
			}
			if p.Stopped() == strings.Contains(script, "exit 3") {
				t.Errorf("stopped by us: %v", p.Stopped())
			}
			if strings.Contains(script, "exit 3") && (e.Exit != 3 || e.WaitStatus != 3<<8) {
				t.Errorf("%+v", e)
			}
			testkit.Eventually(t, 10*time.Second, "the grandchild has ended", func() bool { return !alive(grandchild) })
		})
	}
}

// A process that has left the child's group and holds its output open does not delay Wait.
func TestAnEscapedGrandchildDoesNotHoldWait(t *testing.T) {
	pids := make(chan int, 1)
	c := sh("setsid sleep 1000 & echo $!; exit 0")
	c.Line = func(b []byte) {
		pid, _ := strconv.Atoi(string(b))
		pids <- pid
	}
	p, err := launcher(t).Start(t.Context(), c)
	must(t, err)
	p.Feed(nil)
	defer syscall.Kill(<-pids, syscall.SIGKILL)
	start := time.Now()
	if e := p.Wait(); e.Exit != 0 || time.Since(start) > outputWait+5*time.Second {
		t.Errorf("%+v after %v", e, time.Since(start))
	}
}

func TestStderrIsBounded(t *testing.T) {
	p, err := launcher(t).Start(t.Context(), sh("head -c 3000000 /dev/zero | tr '\\0' x >&2; echo; head -c 300000 /dev/zero | tr '\\0' y"))
	must(t, err)
	p.Feed(nil)
	if e := p.Wait(); !e.Truncated || len(e.Stderr) != maxStderr || e.Exit != 0 {
		t.Errorf("%d bytes, %v", len(e.Stderr), e.Truncated)
	}
}

// Every child that is started after Renew has returned is started from the new thread, even while
// other children are being started all the time.
func TestRenewHoldsForTheNextChild(t *testing.T) {
	threads := 0 // each thread gets a umask of its own, by which the test recognises it
	l := NewLauncher([]string{"PATH=" + os.Getenv("PATH")}, func() error {
		threads++
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return err
		}
		unix.Umask(threads)
		return nil
	})
	serve(t, l)
	umask := func() (p *Process, mask string) {
		c := sh("umask; cat")
		c.Line = func(b []byte) { mask = string(b) }
		p, err := l.Start(t.Context(), c)
		must(t, err)
		p.Feed(nil)
		if p.Outdated() {
			t.Error("outdated before Renew")
		}
		if e := p.Wait(); e.Exit != 0 {
			t.Fatal(e)
		}
		return p, mask
	}
	busy, stop := context.WithCancel(t.Context())
	var others sync.WaitGroup
	defer others.Wait()
	defer stop()
	others.Go(func() {
		for busy.Err() == nil {
			if p, err := l.Start(busy, sh("true")); err == nil {
				p.Feed(nil)
				p.Wait()
			}
		}
	})
	for i := 1; i < 20; i++ {
		p, mask := umask()
		if n, err := strconv.ParseInt(mask, 8, 32); err != nil || int(n) != i {
			t.Fatalf("after %d renewals a child of thread %s", i-1, mask)
		}
		l.Renew()
		if !p.Outdated() {
			t.Error("not outdated after Renew")
		}
	}
}

func TestStartTellsWhy(t *testing.T) {
	l := launcher(t)
	if _, err := l.Start(t.Context(), Command{Program: "/no/rsync", Dir: "/"}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := l.Start(t.Context(), Command{Program: "/bin/true", Dir: "/no/dir"}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Start(ctx, sh("true")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
