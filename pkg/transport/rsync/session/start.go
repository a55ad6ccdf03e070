package session

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/shellwords"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

// slowOpen is how long a file of a Patient run may take to open at first.
const slowOpen = 5 * time.Second

// start starts rsync for a run; without a list it waits for one.
func (s *Session) start(ctx context.Context, run rsync.Run, list []byte, line func([]byte)) (*rsync.Process, error) {
	return s.startWith(ctx, run, rsync.Run.Args, list, line)
}

// startWith is start with another function for the argument vector.
func (s *Session) startWith(ctx context.Context, run rsync.Run, vector func(rsync.Run) []string, list []byte, line func([]byte)) (*rsync.Process, error) {
	c := command(ctx, s, run, vector, list, line)
	root := s.opt.Root()
	if root == nil {
		return nil, transport.ErrRootGone
	}
	defer root.Close()
	c.Dir = root.WorkingDir()
	if run.Scratch != "" {
		return rsync.Start(ctx, s.opt.Plain, c) // it writes into the scratch directory, and opens nothing in the tree
	}
	c.ConfinedDir = s.opt.Dir // only by its path does a child get the confined mount
	return rsync.Start(ctx, s.opt.Launcher, c)
}

// command is the command of a run, without its working directory.
func command(ctx context.Context, s *Session, run rsync.Run, vector func(rsync.Run) []string, list []byte, line func([]byte)) child.Command {
	run.RemoteShell = s.remoteShell()
	env := []string{"TZ=UTC"}
	if run.Target.SSH {
		env = append(env, noPassword()...) // RSYNC_PASSWORD is for daemons
	}
	env = append(env, run.Target.Environment()...)
	if run.Confinable() {
		env = s.confine(&run, env)
	}
	args := vector(run)
	if s.opt.Commands != nil {
		s.opt.Commands(s.commandLine(args))
	}
	patience := time.Duration(0)
	if run.Patient {
		patience = slowOpen
	}
	inactivity := s.patience(run)
	answers := alive(ctx, s, run.Caps)
	if inactivity < time.Minute {
		answers = nil // the inactivity limit is enough
	}
	stuckAfter := time.Duration(0)
	if run.Target.Params.HardLinks {
		stuckAfter = stuckPatience(s, run)
	}
	return child.Command{
		Program: s.opt.Program, Args: args,
		Env: env, Inactivity: inactivity, Answers: answers, StuckAfter: stuckAfter, OpenPatience: patience, Stdin: list, Line: line,
		Gentle: run.Pace.Gentle,
		// To receive, rsync starts a second process, which waits for the daemon while the daemon
		// waits for the first. And the user's own remote shell would outlive this program as long
		// as its remote is frozen.
		Enclosed: run.Pulls() || run.Target.Params.RemoteShell && os.Geteuid() == 0,
	}
}

// commandLine is a command as a person would type it.
func (s *Session) commandLine(args []string) string {
	return shellwords.CommandIn(s.opt.Dir, append([]string{s.opt.Program}, args...))
}

// Command implements transport.Transport.
func (s *Session) Command(b transport.Batch) string {
	run := s.run(b)
	run.RemoteShell = s.remoteShell()
	return s.commandLine(run.Args())
}

// ByHand implements transport.Transport.
func (s *Session) ByHand(b transport.Batch, path string) []string {
	run := s.run(b)
	return run.Target.ByHand(append([]string{s.opt.Program}, run.ByHand(path)...))
}

// confine keeps the run below the watch root, if its password can be given
// another way than by a file outside.
func (s *Session) confine(run *rsync.Run, env []string) []string {
	if file := run.Target.PasswordFile; file != "" {
		password, err := rsync.ReadPassword(file)
		if err != nil {
			return env
		}
		env = append(env, "RSYNC_PASSWORD="+password)
	}
	run.Confine = s.opt.Dir
	return env
}

// remoteShell makes ssh use the master's connection, ask nothing, and print errors only: otherwise
// a banner would come between rsync's complaints.
func (s *Session) remoteShell() string {
	if !s.opt.Target.SSH {
		return ""
	}
	shell := "ssh -o BatchMode=yes -o LogLevel=ERROR -o ConnectTimeout=10 -o ServerAliveInterval=15 -o ServerAliveCountMax=4"
	if s.opt.Target.SSHPort != 0 {
		shell += fmt.Sprintf(" -p %d", s.opt.Target.SSHPort)
	}
	if s.opt.ControlPath != "" {
		shell += " -o ControlMaster=no -o ControlPath=" + s.opt.ControlPath
	}
	return shell
}

// patience is how long a child may move no byte.
func (s *Session) patience(run rsync.Run) time.Duration {
	return silence(run) << min(s.patienceShift.Load(), 8)
}

// stuckPatience is how long a child may move next to nothing that may be stuck: longer where it may
// just as well have a receiver that is silent for long.
func stuckPatience(s *Session, run rsync.Run) time.Duration {
	d := s.stuckAfter
	if silence(run) >= longSilence {
		d *= 6
	}
	return d << min(s.patienceShift.Load(), 8)
}

// longSilence is how long a receiver may read files that are huge.
const longSilence = 10 * time.Minute

// silence is how long a child may move no byte at first. A receiver that computes
// checksums of huge files (-c) is silent for long.
func silence(run rsync.Run) time.Duration {
	d := 20 * time.Second
	if run.Linked || run.Target.Params.Checksum && !run.Pulls() || run.Contents && (run.Resume || run.Kind == transport.Tree) || run.Kind == transport.Full || run.Kind == transport.Survey {
		d = longSilence
	}
	if run.Kind == transport.Full && run.MaxSize > 0 && !run.Contents && !run.Target.Params.Checksum {
		// For this run the remote reads no large file silently. A longer silence may be an open(2)
		// there that never returns, because a fifo has taken a file's place.
		d = 2 * time.Minute
	}
	return d
}
