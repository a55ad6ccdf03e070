package faults

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/internal/testkit"
)

// soakEnv is the environment variable that has tests run at full size, which takes minutes.
const soakEnv = "SERSYNC_SOAK"

// TestOutageMemory: one remote is down while many events come for each file. The memory that is
// kept for the remote is bounded by the size of the tree, and everything arrives afterwards.
func TestOutageMemory(t *testing.T) {
	testkit.Long(t)
	t.Parallel()
	files, events, allowed := 5_000, 100_000, 100.0
	if os.Getenv(soakEnv) != "" {
		files, events, allowed = 100_000, 5_000_000, 200
	}
	s := newSite(t)
	name := func(i int) string { return fmt.Sprintf("d%02d/e%02d/file-%d", i/5000, i/100%50, i) }
	for i := range files {
		s.write(name(i))
	}
	o := s.options("-r")
	o.Binary = testkit.BuildPlain(t)
	s.app = testkit.Start(t, o)
	s.logs("full sync done")
	s.equalAt(s.dst, 5*limit)
	s.equalAt(s.dst2, 5*limit)
	t.Logf("%d files watched: %.1f MB at most", files, s.resident("VmHWM"))
	s.rsyncd.Stop()
	began := time.Now()
	const chunk = 200_000 // the kernel's queue holds a few more
	for done := 0; done < events; {
		until := min(done+chunk, events)
		for i := 0; done < until; i++ {
			done += s.happens(name((done+i*7919)%files), i)
		}
		marker := fmt.Sprintf("chunk%d", done)
		s.write(marker)
		testkit.Eventually(t, 5*limit, "the events have passed", func() bool { _, err := os.Lstat(s.dst2 + "/" + marker); return err == nil })
	}
	most := s.resident("VmHWM")
	t.Logf("%d events in %.0f s: %.1f MB resident, %.1f at most", events, time.Since(began).Seconds(), s.resident("VmRSS"), most)
	if most > allowed {
		t.Errorf("%.1f MB resident, allowed are %.1f", most, allowed)
	}
	var all struct {
		Watches struct{ Overflows int }
	}
	s.must(json.Unmarshal([]byte(s.ask("--status", "--json")), &all))
	if all.Watches.Overflows > 0 {
		t.Errorf("%d overflows: not all events have passed", all.Watches.Overflows)
	}
	s.rsyncd.Start()
	s.equalAt(s.dst, 10*limit)
	s.equalAt(s.dst2, 10*limit)
	t.Logf("%.1f MB at most when all was there", s.resident("VmHWM"))
}

// happens does something to a file and returns how many events that causes.
func (s *scene) happens(name string, kind int) int {
	path := s.src + "/" + name
	switch kind % 8 {
	case 0: // the file is deleted and made again: deletion, creation, close
		s.must(unix.Unlink(path))
		s.rewrite(path)
		return 3
	case 1: // the file is moved away and back
		s.must(unix.Rename(path, path+".moved"))
		s.must(unix.Rename(path+".moved", path))
		return 4
	case 2: // another file exists beside it for a moment
		s.rewrite(path + ".beside")
		s.must(unix.Unlink(path + ".beside"))
		return 3
	default:
		s.rewrite(path)
		return 1
	}
}

func (s *scene) rewrite(path string) {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC|unix.O_CLOEXEC, 0o644)
	s.must(err)
	_, err = unix.Write(fd, strconv.AppendInt(nil, time.Now().UnixNano(), 10))
	s.must(err)
	s.must(unix.Close(fd))
}

// resident is one figure of the program's memory, in MB (proc(5), status).
func (s *scene) resident(what string) float64 {
	s.t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", s.app.PID()))
	s.must(err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), what+":"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 64)
			s.must(err)
			return kb * 1024 / 1e6
		}
	}
	s.t.Fatalf("no %s", what)
	return 0
}
