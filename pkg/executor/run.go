package executor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/rsync"
)

// flight is one batch on its way: the works of one kind that one run, or a
// few in a row, bring to the remote.
type flight struct {
	lease *lease
	kind  int
	works []work
	caps  rsync.Capabilities
	// paths is how many names the lists held.
	paths int
}

// outcome is what a flight reports when it has ended.
type outcome struct {
	flight
	result  rsync.Result
	run     rsync.Run
	argv    []string
	sent    int64 // content bytes
	files   int
	began   time.Time
	ended   time.Time
	extras  []candidate // surveys
	changed map[string]rsync.Change
	err     error // the run could not be started
	// warm says that a standby was used; lostSession that one was found dead:
	// the remote may have been restarted, or replaced.
	warm, lostSession bool
	// sentAll: the sending half of a full sync is done.
	sentAll bool
}

// startQueued starts what waits for a kind's slot.
func (l *Lane) startQueued(ctx context.Context, kind int) {
	q := l.queue[kind]
	if len(q) == 0 || l.busy[kind] >= l.limits[kind] {
		return
	}
	n := len(q)
	if kind == kindBig {
		n = 1 // one at a time, so that a failure costs one file's bytes
	}
	l.queue[kind] = q[n:]
	l.launchWaiting(ctx, kind, q[:n:n])
}

// launch runs works; their slot is held, or taken when it is needed.
func (l *Lane) launch(ctx context.Context, kind int, works []work, hold *lease) {
	l.busy[kind]++
	f := flight{kind: kind, works: works, caps: l.state.caps, lease: hold}
	l.runs.Go(func() {
		o := l.fly(ctx, f)
		hold.release()
		l.outcomes <- o
	})
}

// lease is the slot of one flight. A flight that a waiting standby carries
// needs none: its process runs already, and one change to fifty remotes should
// not go in waves. It takes one when it has to start a process after all. It
// belongs to the flight's goroutine.
type lease struct {
	lane *Lane
	held bool
}

func (s *lease) take(ctx context.Context) error {
	if s == nil || s.held {
		return nil
	}
	if err := s.lane.slot(ctx); err != nil {
		return err
	}
	s.held = true
	return nil
}

func (s *lease) release() {
	if s.held {
		s.lane.opt.Slots.Release()
		s.held = false
	}
}

// launchWaiting waits for a slot first.
func (l *Lane) launchWaiting(ctx context.Context, kind int, works []work) {
	l.busy[kind]++
	f := flight{kind: kind, works: works, caps: l.state.caps}
	l.runs.Go(func() {
		o := outcome{flight: f, err: context.Canceled}
		if l.slot(ctx) == nil {
			o = l.fly(ctx, f)
			l.opt.Slots.Release()
		}
		l.outcomes <- o
	})
}

// fly brings one flight to its end.
func (l *Lane) fly(ctx context.Context, f flight) outcome {
	switch f.kind {
	case kindSurvey:
		return l.survey(ctx, f)
	case kindDelete:
		return l.deleteRun(ctx, f)
	case kindTree:
		return l.treeRun(ctx, f)
	default:
		return l.sendRun(ctx, f)
	}
}

// base is a run of the kind with everything that holds for all of them.
func (l *Lane) base(k rsync.Kind, caps rsync.Capabilities) rsync.Run {
	return rsync.Run{Kind: k, Target: l.opt.Target, Caps: caps, MayDelete: l.opt.MayDelete && !caps.NoDelete, RemoteShell: l.remoteShell()}
}

// remoteShell makes ssh use the lane's one connection, never ask, and leave out
// what is no error: a banner stands between rsync's complaints otherwise.
func (l *Lane) remoteShell() string {
	if !l.opt.Target.SSH {
		return ""
	}
	shell := "ssh -o BatchMode=yes -o LogLevel=ERROR -o ConnectTimeout=10 -o ServerAliveInterval=15 -o ServerAliveCountMax=4"
	if l.opt.Target.SSHPort != 0 {
		shell += fmt.Sprintf(" -p %d", l.opt.Target.SSHPort)
	}
	if l.opt.ControlPath != "" {
		shell += " -o ControlMaster=no -o ControlPath=" + l.opt.ControlPath
	}
	return shell
}

// sendRun sends files and single directories: through the standby when there
// is one, else cold. Where the receiver compares times by the second, what a
// content event touched goes with --ignore-times, apart from the rest.
func (l *Lane) sendRun(ctx context.Context, f flight) outcome {
	if !f.caps.SecondsOnly {
		return l.sendList(ctx, f, l.base(rsync.Send, f.caps))
	}
	var touched, other []work
	for _, w := range f.works {
		if w.Flags&filterqueue.Content != 0 && w.found.Regular() {
			touched = append(touched, w)
		} else {
			other = append(other, w)
		}
	}
	run := l.base(rsync.Send, f.caps)
	if len(touched) == 0 {
		return l.sendList(ctx, f, run)
	}
	if len(other) > 0 {
		o := l.sendList(ctx, flight{kind: f.kind, works: other, caps: f.caps, lease: f.lease}, run)
		if o.err != nil || o.result.Class != rsync.Done {
			o.works = f.works
			return o
		}
	}
	run.IgnoreTimes = true
	o := l.sendList(ctx, flight{kind: f.kind, works: touched, caps: f.caps, lease: f.lease}, run)
	o.works = f.works
	return o
}

func (l *Lane) sendList(ctx context.Context, f flight, run rsync.Run) outcome {
	run.Resume = f.kind == kindBig
	names := make([]string, len(f.works))
	for i, w := range f.works {
		names[i] = w.Path
	}
	if l.opt.Target.Params.HardLinks && l.opt.Names != nil {
		names = l.withOtherNames(ctx, f.works, names)
	}
	o := l.execute(ctx, f, run, names)
	if o.err == nil && l.opt.Target.Params.Update && o.result.Class <= rsync.Again {
		l.newest(ctx, &o)
	}
	return o
}

// withOtherNames adds the other names of hard-linked files: with -H rsync can
// link only what it sees in one run.
func (l *Lane) withOtherNames(ctx context.Context, works []work, names []string) []string {
	linked := map[uint64]bool{}
	for _, w := range works {
		if w.found.Regular() && w.found.Stat.Nlink > 1 {
			linked[w.found.Stat.Ino] = true
		}
	}
	if len(linked) == 0 {
		return names
	}
	listed := make(map[string]bool, len(names))
	for _, n := range names {
		listed[n] = true
	}
	for _, n := range l.opt.Names(ctx, linked) {
		if !listed[n] && !(l.opt.Excluded != nil && l.opt.Excluded(n, false)) && !l.opt.Target.Params.Rules.Excludes(n, false) {
			names = append(names, n)
		}
	}
	return names
}

// treeRun sends directories with all below them.
func (l *Lane) treeRun(ctx context.Context, f flight) outcome {
	run := l.base(rsync.Tree, f.caps)
	var names []string
	for _, w := range f.works {
		if w.entries != nil {
			run.Kind = rsync.Send
			names = append(names, w.entries...)
			continue
		}
		names = append(names, w.Path)
		if w.Flags&filterqueue.Gone != 0 && run.MayDelete && l.opt.Held(w.Path, true) == "" {
			run.DeleteInside = true
		}
	}
	// A tree that follows a deletion may delete inside; one that does not
	// must not, so they do not share a run.
	if run.DeleteInside {
		gone, rest := split(f.works, func(w work) bool { return w.Flags&filterqueue.Gone != 0 && w.entries == nil })
		if len(rest) > 0 {
			o := l.treeRun(ctx, flight{kind: f.kind, works: rest, caps: f.caps, lease: f.lease})
			if o.err != nil || o.result.Class != rsync.Done {
				o.works = f.works
				return o
			}
			names = names[:0]
			for _, w := range gone {
				names = append(names, w.Path)
			}
		}
	}
	// What was deleted and stands here again replaces what the target has, as
	// if the deletion had gone first.
	run.LiftUpdate = run.DeleteInside
	o := l.execute(ctx, f, run, names)
	if o.err == nil && l.opt.Target.Params.Update && !run.LiftUpdate && o.result.Class <= rsync.Again {
		l.newest(ctx, &o)
	}
	return o
}

func split(works []work, yes func(work) bool) (a, b []work) {
	for _, w := range works {
		if yes(w) {
			a = append(a, w)
		} else {
			b = append(b, w)
		}
	}
	return a, b
}

// deleteRun removes what is gone. Between the second look and this moment a
// path may have come back: rsync lists what exists as sent, and it is looked at
// again.
func (l *Lane) deleteRun(ctx context.Context, f flight) outcome {
	run := l.base(rsync.Delete, f.caps)
	var names []string
	for _, w := range f.works {
		if w.hidden {
			run.Hidden = append(run.Hidden, w.Path)
		}
		if w.entries != nil {
			run.Exact = true
			names = append(names, w.entries...)
		} else {
			names = append(names, w.Path)
		}
	}
	if run.Exact {
		// Patterns for whole trees and for single names cannot share a run.
		exact, whole := split(f.works, func(w work) bool { return w.entries != nil })
		if len(whole) > 0 {
			o := l.deleteRun(ctx, flight{kind: f.kind, works: whole, caps: f.caps, lease: f.lease})
			if o.err != nil || o.result.Class != rsync.Done {
				o.works = f.works
				return o
			}
			return l.joined(o, l.deleteRun(ctx, flight{kind: f.kind, works: exact, caps: f.caps, lease: f.lease}), f.works)
		}
	}
	return l.execute(ctx, f, run, names)
}

// joined is the outcome of two runs for one flight, the first of which was
// done.
func (l *Lane) joined(first, last outcome, works []work) outcome {
	for p, c := range first.changed {
		last.changed[p] = c
	}
	last.works = works
	return last
}

// execute runs rsync once with a list of names.
func (l *Lane) execute(ctx context.Context, f flight, run rsync.Run, names []string) outcome {
	o := outcome{flight: f, run: run, began: time.Now(), changed: map[string]rsync.Change{}}
	o.paths = len(names)
	list := run.List(names)
	if f.kind == kindSend && run.Kind == rsync.Send && !run.IgnoreTimes && !run.LiftUpdate {
		if l.standby.use(run, list, &o) {
			return o
		}
	}
	l.cold(ctx, list, &o)
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
	p, err := l.start(ctx, o.run, reader.line)
	if err != nil {
		o.err, o.ended = err, time.Now()
		return
	}
	o.argv = p.Argv
	p.Feed(list)
	l.read(p, reader, o)
}

// start starts rsync for a run.
func (l *Lane) start(ctx context.Context, run rsync.Run, line func([]byte)) (*rsync.Process, error) {
	env := []string{"TZ=UTC"}
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
		Env:         env, Inactivity: l.patience(run), Line: line,
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

// read waits for the end of a fed child and classifies it.
func (l *Lane) read(p *rsync.Process, reader *reader, o *outcome) {
	ended := p.Wait()
	o.ended = time.Now()
	o.result = rsync.Classify(o.run.Kind, l.opt.Dir, ended, o.listed(reader.skipped))
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
		r.o.files++
		r.o.sent += c.Size
	}
	if r.each != nil {
		r.each(c)
		return
	}
	if len(r.o.changed) < maxChanges {
		r.o.changed[c.Path] = c
	}
}
