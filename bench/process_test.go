package bench

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// ticksPerSecond is the unit of the times in /proc/pid/stat (proc(5)): 100 on
// every Linux that Go runs on.
const ticksPerSecond = 100

// usage is what a tree of processes has used so far, including children that have ended and were
// waited for.
type usage struct {
	cpu float64 // seconds
	rss float64 // resident now, MB
	n   int     // processes
}

// tree adds up what the process pid and all processes below it have used.
func tree(pid int) usage {
	type process struct {
		parent int
		usage
	}
	all := map[int]process{}
	children := map[int][]int{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the process has ended meanwhile
		}
		var id, parent int
		fmt.Sscanf(string(text), "%d", &id)
		// Fields from the third on. The second one, the name, may hold any characters.
		f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		fmt.Sscanf(f[1], "%d", &parent)
		var ticks, t, pages int
		for _, s := range f[11:15] { // utime stime cutime cstime
			fmt.Sscanf(s, "%d", &t)
			ticks += t
		}
		fmt.Sscanf(f[21], "%d", &pages)
		all[id] = process{parent, usage{float64(ticks) / ticksPerSecond, float64(pages*os.Getpagesize()) / 1e6, 1}}
		children[parent] = append(children[parent], id)
	}
	var sum usage
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		p := all[queue[0]]
		sum.cpu, sum.rss, sum.n = sum.cpu+p.cpu, sum.rss+p.rss, sum.n+p.n
		queue = append(queue, children[queue[0]]...)
	}
	return sum
}

// sampler finds the highest memory and number of processes of a tree of processes.
type sampler struct {
	stop chan struct{}
	wg   sync.WaitGroup
	max  usage
}

const sampleEvery = 100 * time.Millisecond

func sample(pid int) *sampler {
	s := &sampler{stop: make(chan struct{})}
	s.wg.Go(func() {
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for {
			u := tree(pid)
			s.max.rss, s.max.n = max(s.max.rss, u.rss), max(s.max.n, u.n)
			select {
			case <-s.stop:
				return
			case <-tick.C:
			}
		}
	})
	return s
}

func (s *sampler) end() usage {
	close(s.stop)
	s.wg.Wait()
	return s.max
}

// resident is the memory of one process, VmRSS or VmHWM of its status, in bytes.
func resident(b *testing.B, pid int, key string) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, key+":"); ok {
			var kb float64
			fmt.Sscanf(rest, "%f", &kb)
			return kb * 1024
		}
	}
	b.Fatalf("no %s in /proc/%d/status", key, pid)
	return 0
}

// ended is what a command that has ended used.
type ended struct {
	took   time.Duration
	cpu    float64
	peakMB float64
}

// command runs a program to its end.
func command(b *testing.B, dir, name string, args ...string) ended {
	b.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	err := cmd.Run()
	took := time.Since(began)
	if err != nil {
		b.Fatalf("%s %q: %v\n%s", name, args, err, out.Bytes())
	}
	return finished(cmd, took)
}

func finished(cmd *exec.Cmd, took time.Duration) ended {
	s := cmd.ProcessState
	e := ended{took: took, cpu: (s.UserTime() + s.SystemTime()).Seconds()}
	if r, ok := s.SysUsage().(*syscall.Rusage); ok {
		e.peakMB = float64(r.Maxrss) * 1024 / 1e6
	}
	return e
}

// spawn starts a program in the background; the program and its group are ended with the benchmark.
func spawn(b *testing.B, name string, args ...string) (pid int) {
	b.Helper()
	cmd := exec.Command(name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	log, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		stop(cmd.Process.Pid)
		_ = cmd.Wait() // a killed program's status says nothing
		log.Close()
	})
	return cmd.Process.Pid
}

// stop ends a spawned program and its group.
func stop(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// build is the binary of this run, which is made once.
var build struct {
	once sync.Once
	path string
	err  error
}

// binary builds the program as it is shipped, or takes the one that BENCH_BINARY names.
func binary(b *testing.B) string {
	b.Helper()
	if path := os.Getenv("BENCH_BINARY"); path != "" {
		return path
	}
	build.once.Do(func() {
		dir, err := os.MkdirTemp("", "sersync-bench-bin")
		if err != nil {
			build.err = err
			return
		}
		build.path = filepath.Join(dir, "sersync")
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", build.path, "../cmd/sersync")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			build.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if build.err != nil {
		b.Fatal(build.err)
	}
	return build.path
}

// process finds the process that was started with this argument.
func process(b *testing.B, arg string) int {
	b.Helper()
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil && bytes.Contains(append(text, 0), []byte("\x00"+arg+"\x00")) {
			var pid int
			fmt.Sscanf(file, "/proc/%d/", &pid)
			return pid
		}
	}
	b.Fatalf("no process with %s", arg)
	return 0
}
