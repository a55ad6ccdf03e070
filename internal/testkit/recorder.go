package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// RecorderConf says what the recording rsync does beside recording its calls.
type RecorderConf struct {
	// Port is put on rsync's command line as the port of the daemon where the caller names none,
	// because a test cannot use port 873.
	Port int
	// Exit are exit statuses that calls return in turn instead of running rsync; the last one is
	// repeated. 0 means that rsync is run, 1000 that the call is killed by SIGKILL. If Exit is
	// empty, rsync is always run.
	Exit []int
	// Sleep is how long a call waits before its run; with SleepOn only a call waits that has an
	// argument with this text.
	// contains it.
	Sleep   time.Duration
	SleepOn string
	// Stdout and Stderr are lines printed before each run.
	Stdout, Stderr string
	// Program is the rsync that is run; empty: that of this host.
	Program string
}

// Recorder is an rsync that logs its calls and then runs the real rsync.
type Recorder struct {
	// Dir has to be put in front of PATH; Program is the rsync in Dir.
	Dir, Program string

	t   testing.TB
	log string
}

// Run is one call of a recorded rsync.
type Run struct {
	Dir  string   // working directory
	Args []string // without the program name
	At   time.Time
}

// NewRecorder writes a recording rsync into a temporary directory. A call that asks rsync for its
// version, and the server's side of a transfer, are neither recorded nor made to fail.
func NewRecorder(t testing.TB, c RecorderConf) *Recorder {
	t.Helper()
	base := t.TempDir()
	r := &Recorder{t: t, Dir: filepath.Join(base, "bin"), log: filepath.Join(base, "log")}
	r.Program = filepath.Join(r.Dir, "rsync")
	must(t, os.Mkdir(r.Dir, 0o755))
	must(t, os.Mkdir(r.log, 0o777))
	must(t, os.Chmod(r.log, 0o777)) // the program under test may run as another user
	real := c.Program
	if real == "" {
		var err error
		real, err = exec.LookPath("rsync")
		must(t, err)
	}
	WriteProgram(t, r.Program, r.script(real, c))
	OpenToAll(t, base)
	return r
}

func (r *Recorder) script(real string, c RecorderConf) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#!/bin/sh\ncase \" $* \" in *' --version '*|*' --server '*) exec %s \"$@\";; esac\n", real)
	fmt.Fprintf(&b, "n=0\nwhile [ -e '%[1]s'/$$.$n ]; do n=$((n+1)); done\n", r.log)
	fmt.Fprintf(&b, "printf '%%s\\0' \"$PWD\" \"$@\" END > '%s'/$$.$n\n", r.log)
	if c.Stdout != "" {
		fmt.Fprintf(&b, "echo '%s'\n", c.Stdout)
	}
	if c.Stderr != "" {
		fmt.Fprintf(&b, "echo '%s' >&2\n", c.Stderr)
	}
	if c.Sleep > 0 {
		fmt.Fprintf(&b, "case \" $* \" in *'%s'*) sleep %.3f;; esac\n", c.SleepOn, c.Sleep.Seconds())
	}
	if len(c.Exit) > 0 {
		b.WriteString(r.exits(c.Exit))
	}
	port := ""
	if c.Port > 0 {
		port = fmt.Sprintf("--port=%d ", c.Port)
	}
	fmt.Fprintf(&b, "exec %s %s\"$@\"\n", real, port)
	return b.String()
}

// exits returns the lines of the script that take the next exit status under a lock.
func (r *Recorder) exits(codes []int) string {
	words := strings.Trim(fmt.Sprint(codes), "[]")
	return fmt.Sprintf(`exec 9>'%[1]s'.lock
flock 9
i=$(cat '%[1]s'.count 2>/dev/null || echo 0)
echo $((i+1)) > '%[1]s'.count
exec 9>&-
set -f
rc=$(echo %[2]s | cut -d' ' -f$((i < %[3]d ? i + 1 : %[3]d)))
[ "$rc" = 1000 ] && kill -9 $$
[ "$rc" != 0 ] && exit "$rc"
`, r.log, words, len(codes))
}

// Runs returns the calls so far, the oldest first.
func (r *Recorder) Runs() []Run {
	r.t.Helper()
	files, err := os.ReadDir(r.log)
	must(r.t, err)
	var runs []Run
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(r.log, f.Name()))
		must(r.t, err)
		info, err := f.Info()
		must(r.t, err)
		fields := strings.Split(string(b), "\x00")
		if n := len(fields); n < 3 || fields[n-2] != "END" {
			continue // the call is still being written
		}
		runs = append(runs, Run{Dir: fields[0], Args: fields[1 : len(fields)-2], At: info.ModTime()})
	}
	slices.SortStableFunc(runs, func(a, b Run) int { return a.At.Compare(b.At) })
	return runs
}

// Count returns the number of calls so far.
func (r *Recorder) Count() int {
	r.t.Helper()
	files, err := os.ReadDir(r.log)
	must(r.t, err)
	return len(files)
}
