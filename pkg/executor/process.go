package executor

import (
	"context"
	"errors"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/rsync"
)

// execute runs rsync once with a list of names.
func (l *Lane) execute(ctx context.Context, f flight, run rsync.Run, names []string) outcome {
	o := outcome{flight: f, run: run, began: time.Now(), changed: map[string]rsync.Change{}}
	o.paths = len(names)
	list := run.List(names)
	if f.kind == kindSend && run.Kind == rsync.Send && run.IgnoreTimes && !run.LiftUpdate && !run.RootAlone {
		if l.standby.use(run, list, &o) {
			return o
		}
	}
	l.cold(ctx, list, &o)
	o.withheld = withheld(run, o.result)
	if o.lostSession && o.err == nil {
		l.standby.slow(o.result.Took)
	}
	return o
}

// cold starts an rsync for a list that is known.
func (l *Lane) cold(ctx context.Context, list []byte, o *outcome) {
	if err := o.flight.lease.take(ctx); err != nil {
		o.err, o.ended = err, time.Now()
		return
	}
	reader := newReader(o)
	p, err := l.connect(ctx, o.run, list, reader.line)
	if err != nil {
		o.err, o.ended = err, time.Now()
		return
	}
	o.argv = p.Argv
	l.read(p, reader, o)
}

// connect starts rsync for a run when it is its turn to connect.
func (l *Lane) connect(ctx context.Context, run rsync.Run, list []byte, line func([]byte)) (*rsync.Process, error) {
	if !l.masterStands(ctx) {
		if err := l.connects.runs.Wait(ctx); err != nil {
			return nil, err
		}
	}
	return l.start(ctx, run, list, line)
}

// start starts rsync for a run; without a list it waits for one.
func (l *Lane) start(ctx context.Context, run rsync.Run, list []byte, line func([]byte)) (*rsync.Process, error) {
	env := []string{"TZ=UTC"}
	if run.Target.SSH {
		env = append(env, noPassword()...) // it is for daemons
	}
	if run.Confinable() {
		env = l.confine(&run, env)
	}
	args := run.Args()
	if l.opt.Commands != nil {
		l.opt.Commands("cd " + rsync.Quote([]string{l.opt.Dir}) + " && " + rsync.Quote(append([]string{l.opt.Program}, args...)))
	}
	root := l.opt.Root()
	if root == nil {
		return nil, errRootGone
	}
	defer root.Close()
	return l.opt.Launcher.Start(ctx, rsync.Command{
		Program: l.opt.Program, Args: args, Dir: root.WorkingDir(),
		ConfinedDir: l.opt.Dir, // only by its path does a child get the confined mount
		Env:         env, Inactivity: l.patience(run), Stdin: list, Line: line,
		// Receiving takes rsync two processes, and the second one waits for the
		// daemon, which waits for the first. And a remote shell of the user's
		// would outlive this program as long as its remote is frozen.
		Enclosed: run.Kind == rsync.Times || run.Target.Params.RemoteShell && os.Geteuid() == 0,
	})
}

// confine keeps the run below the watch root, if its password can be given
// another way than by a file outside.
func (l *Lane) confine(run *rsync.Run, env []string) []string {
	if file := run.Target.PasswordFile; file != "" {
		password, err := rsync.ReadPassword(file)
		if err != nil {
			return env
		}
		env = append(env, "RSYNC_PASSWORD="+password)
	}
	run.Confine = l.opt.Dir
	return env
}

// errRootGone ends a run before it starts: there is nothing to send from.
var errRootGone = errors.New("the watch root is gone")

func (l *Lane) rootGone() bool {
	root := l.opt.Root()
	if root == nil {
		return true
	}
	root.Close()
	return false
}

// read waits for the end of a fed child and classifies it.
func (l *Lane) read(p *rsync.Process, reader *reader, o *outcome) {
	ended := p.Wait()
	o.ended = time.Now()
	o.result = rsync.Classify(o.run.Kind, l.opt.Target, l.opt.Dir, ended, o.listed(reader.skipped))
	if p.Stopped() && !ended.Inactive && o.result.Class == rsync.Trouble {
		o.result.Class = rsync.Stopped
	}
	l.log.Debug("rsync ended", zap.Strings("argv", o.argv), zap.Int("paths", o.paths),
		zap.Int("exit", ended.Exit), zap.Stringer("class", o.result.Class), zap.Duration("took", ended.Took))
}

// listed are those of the names that the run was given itself. What else rsync
// passes over stands in a tree: a symlink or a fifo that the parameters do not
// carry.
func (o *outcome) listed(skipped []string) (own []string) {
	if len(skipped) == 0 || o.run.Caps.Deleter != rsync.DeleteMissingArgs {
		return nil
	}
	names := make(map[string]bool, len(o.works))
	for _, w := range o.works {
		names[w.Path] = true
		for _, e := range w.entries {
			names[e] = true
		}
	}
	for _, path := range skipped {
		if names[path] {
			own = append(own, path)
		}
	}
	return own
}

// patience is how long a child may move no byte. A receiver that computes
// checksums of huge files (-c) is silent for long.
func (l *Lane) patience(run rsync.Run) time.Duration {
	d := 20 * time.Second
	if run.Target.Params.Checksum || run.Kind == rsync.Full || run.Kind == rsync.Survey {
		d = 10 * time.Minute
	}
	return d << min(l.patienceShift.Load(), 8)
}

// reader collects what a run prints.
type reader struct {
	o       *outcome
	skipped []string
	each    func(rsync.Change) // may be nil
}

// maxChanges bounds what is remembered of one run's changes by name.
const maxChanges = 4 * maxBatch

func newReader(o *outcome) *reader { return &reader{o: o} }

func (r *reader) line(b []byte) {
	c, ok := rsync.ParseChange(b)
	if !ok {
		if path, ok := rsync.Skipped(b); ok && len(r.skipped) < maxChanges {
			r.skipped = append(r.skipped, path)
		}
		return
	}
	if c.Sent && !c.Dir {
		r.o.last = c.Path
		r.o.files++
		r.o.sent += c.Size
	}
	if r.each != nil {
		r.each(c)
		return
	}
	switch {
	case len(r.o.changed) < maxChanges:
		r.o.changed[c.Path] = c
	case c.Sent && !c.Dir:
		r.o.also.add(c.Path)
	}
}
