package preflight

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

// The bounds of the steps.
const (
	nameTime = 3 * time.Second
	dialTime = 3 * time.Second
	runTime  = 10 * time.Second
)

// session runs rsync against one remote, and learns from the runs which options its rsync accepts.
type session struct {
	launcher *child.Launcher
	program  string
	password bool         // the environment has one for daemons
	target   rsync.Target // with parameters for a trial
	caps     transport.Capabilities
	// full holds the probes, and empty nothing: a run that deletes must not find them here.
	full, empty string
}

// answer is what has come of one run.
type answer struct {
	transport.Result
	late    bool // ended for taking too long
	cut     bool // ended because no more steps are wanted
	deleted map[string]bool
	seen    map[string]transport.Copy
}

// run runs rsync, again without an option that the remote has refused.
func (s *session) run(ctx context.Context, run rsync.Run, dir string, names []string) answer {
	for {
		run.Target, run.Caps, run.RemoteShell = s.target, s.caps, shell
		a := s.once(ctx, run, dir, names)
		next, again := s.caps.After(a.Result)
		s.caps = next
		if !again || ctx.Err() != nil {
			return a
		}
	}
}

// look asks what the remote has of some names; target may be another than the session's.
func (s *session) look(ctx context.Context, target rsync.Target, names []string) answer {
	run := rsync.Run{Batch: transport.Batch{Kind: transport.Times, Caps: s.caps}, Target: target, RemoteShell: shell}
	a := s.once(ctx, run, s.full, names)
	s.caps, _ = s.caps.After(a.Result)
	return a
}

// shell is how ssh is called: it must not ask, nor wait for ever.
const shell = "ssh -oBatchMode=yes -oConnectTimeout=5"

// neverAsk keeps an ssh that is called in the user's own way (-e) from asking at the terminal.
var neverAsk = []string{"SSH_ASKPASS_REQUIRE=force", "SSH_ASKPASS=/bin/false"}

func (s *session) once(outer context.Context, run rsync.Run, dir string, names []string) answer {
	ctx, cancel := context.WithTimeout(outer, runTime)
	defer cancel()
	a := answer{deleted: map[string]bool{}, seen: map[string]transport.Copy{}}
	var skipped []string
	env := append([]string{"TZ=UTC"}, neverAsk...)
	if run.Target.SSH || run.Target.PasswordFile == "" && !s.password {
		env = append(env, "RSYNC_PASSWORD=") // for daemons alone; without any rsync would ask at the terminal
	}
	env = append(env, run.Target.Environment()...)
	p, err := rsync.Start(ctx, s.launcher, child.Command{
		Program: s.program, Args: run.Args(), Dir: dir, Env: env, Stdin: run.List(names),
		Line: func(line []byte) {
			if seen, ok := rsync.ParseCopy(line); ok && run.Kind == transport.Times {
				a.seen[seen.Path] = seen
			} else if c, ok := rsync.ParseChange(line); ok && c.Deleted {
				a.deleted[c.Path] = true
			} else if name, ok := rsync.Skipped(line); ok {
				skipped = append(skipped, name)
			}
		},
	})
	if err != nil {
		a.Class, a.Reason = transport.Trouble, err.Error()
		a.cut, a.late = outer.Err() != nil, ctx.Err() != nil
		return a
	}
	ended := p.Wait()
	if p.Stopped() {
		a.Class, a.cut, a.late = transport.Stopped, outer.Err() != nil, true
		return a
	}
	a.Result = rsync.Classify(run, dir, ended, skipped)
	return a
}

// places makes the two directories of a session below one that is removed as a whole.
func (s *session) places(scratch string) error {
	s.full, s.empty = filepath.Join(scratch, "full"), filepath.Join(scratch, "empty")
	for _, dir := range []string{scratch, s.full, s.empty} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	return nil
}
