package convergence

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/sersync/sersync/internal/testkit"
)

// fault is something that goes wrong while the writers work. Between begin and
// end further changes are made.
type fault struct {
	name       string
	begin, end func()
}

// exits are the exit statuses of rsync(1), and of shells that cannot run it. 1000 means that the
// process is killed by SIGKILL before it has done anything.
var exits = []int{1, 2, 3, 4, 5, 6, 10, 11, 12, 13, 14, 20, 21, 22, 23, 24, 25, 30, 35, 124, 125, 126, 127, 255, 1000}

// queueEvents is the length of a queue that has to overflow.
const queueEvents = 400

// plan chooses the faults of a seed. crash says that the program itself may be stopped, killed, or
// made to lose events.
func (s *scene) plan(crash bool) []fault {
	calm := []func() fault{s.exitFault, s.exitFault, s.killRun, s.daemonDown, s.daemonFrozen, s.parentBusy, s.programPaused}
	rough := []func() fault{s.killed, s.overflow, s.terminated}
	faults := []fault{s.exitFault(), s.killRun()}
	if crash {
		// There is at least one fault of each kind that this host permits.
		faults = append(faults, s.killed(), s.terminated())
		if os.Getuid() == 0 {
			s.shortQueue = queueEvents
			faults = append(faults, s.overflow())
		} else {
			rough = rough[:1]
		}
		calm = append(calm, rough...)
	}
	for len(faults) < 6 {
		faults = append(faults, calm[s.rnd.IntN(len(calm))]())
	}
	s.rnd.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	s.crashed = crash
	return faults
}

func (s *scene) exitFault() fault {
	var codes []int
	for range 1 + s.rnd.IntN(4) {
		codes = append(codes, exits[s.rnd.IntN(len(exits))])
	}
	return fault{fmt.Sprintf("rsync ends with %v", codes), func() { s.rsync.Fail(codes...) }, func() {}}
}

// killRun kills rsync processes of the program in the middle of their work.
func (s *scene) killRun() fault {
	kill := func() {
		for _, pid := range s.running() {
			if syscall.Kill(pid, syscall.SIGKILL) == nil {
				s.kills++
			}
		}
	}
	return fault{"rsync killed", kill, kill}
}

// running lists the rsync processes of the program.
func (s *scene) running() (pids []int) {
	for _, pid := range s.app.Processes() {
		args, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		if pid != s.app.PID() && (strings.HasPrefix(string(args), "rsync") || strings.Contains(string(args), "/rsync\x00")) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (s *scene) daemonDown() fault { return fault{"daemon down", s.rsyncd.Stop, s.rsyncd.Start} }

func (s *scene) daemonFrozen() fault { return fault{"daemon frozen", s.rsyncd.Freeze, s.rsyncd.Thaw} }

// parentBusy makes and removes files beside the watch root.
func (s *scene) parentBusy() fault {
	return fault{"parent busy", func() {
		for i := range 300 {
			name := filepath.Join(s.base, "noise-"+strconv.Itoa(i%7))
			s.must(os.WriteFile(name, nil, 0o644))
			s.must(os.Rename(name, name+"~"))
			s.must(os.Remove(name + "~"))
		}
	}, func() {}}
}

func (s *scene) programPaused() fault {
	return fault{
		"program stopped for a while",
		func() { s.app.SignalProcess(syscall.SIGSTOP) },
		func() { s.app.SignalProcess(syscall.SIGCONT) },
	}
}

// overflow stops the program until the kernel has dropped events.
func (s *scene) overflow() fault {
	return fault{
		"queue overflow",
		func() { s.app.SignalProcess(syscall.SIGSTOP) },
		func() {
			for i := range queueEvents {
				name := filepath.Join(s.src, "flood-"+strconv.Itoa(i%50))
				s.must(os.WriteFile(name, []byte(strconv.Itoa(i)), 0o644))
			}
			s.app.SignalProcess(syscall.SIGCONT)
		},
	}
}

// killed kills the program, and starts it again without -r.
func (s *scene) killed() fault {
	return fault{"kill -9", func() {
		s.app.SignalProcess(syscall.SIGSTOP) // so that no run is started that is not counted
		s.kills += len(s.running())
		s.sudden++
		s.stop(syscall.SIGKILL)
	}, func() { s.start(false) }}
}

// terminated ends the program as a service manager does.
func (s *scene) terminated() fault {
	return fault{"SIGTERM", func() {
		s.kills += len(s.running())
		s.stop(syscall.SIGTERM)
	}, func() { s.start(false) }}
}

// inject lets all faults happen, one after the other, with changes before, during and after each.
// ops returns how many operations there were so far, per is how many belong to one fault.
func (s *scene) inject(faults []fault, ops func() int64, per int64) {
	s.t.Helper()
	for _, f := range faults {
		s.passed(ops, per/2)
		s.log.add("fault", "--- "+f.name, nil)
		f.begin()
		s.passed(ops, per/2)
		s.log.add("fault", "--- end of "+f.name, nil)
		f.end()
	}
}

// passed waits until the writers have done n further operations.
func (s *scene) passed(ops func() int64, n int64) {
	s.t.Helper()
	target := ops() + n
	testkit.Eventually(s.t, patience, "the writers go on", func() bool { return ops() >= target })
}
