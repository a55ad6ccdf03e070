package preflight

import (
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

// trial tries one lane.
type trial struct {
	site   *Site
	given  rsync.Target // as configured
	watch  string
	delete bool   // <delete> is on
	seenAs string // the address by which a daemon knows this host
	session
	probe probe
	lane  Lane
}

// all tries step after step until one ends the trial.
func (t *trial) all(ctx context.Context) {
	if !t.way(ctx) || !t.directory(ctx) {
		return
	}
	gone := t.session.run(ctx, t.deletion(), t.empty, t.probe.names())
	if t.excluded(gone) {
		return
	}
	if gone.Class != transport.Done && !t.caps.NoDelete {
		t.ended(gone, TopicDelete)
		return
	}
	t.arrived(TopicDirectory)
	t.saidDelete()
	if t.caps.NoDelete {
		t.dry(ctx)
		return
	}
	t.write(ctx)
}

// directory looks whether the place is there, where it is one inside of a module or over ssh: a run that sends would
// make the last directory of it.
func (t *trial) directory(ctx context.Context) bool {
	name := strings.TrimSuffix(t.given.Name, "/")
	if !t.given.SSH && !strings.Contains(name, "/") || name == "" {
		return true
	}
	a := t.look(ctx, t.target, []string{""})
	switch {
	case a.seen[""] != transport.Copy{} || t.caps.NoList:
		return true
	case a.Reason != notThere[0] && a.Reason != notThere[1]:
		t.ended(a, TopicDirectory)
		return false
	}
	t.arrived(TopicDirectory)
	above := t.target
	if above.Name = path.Dir(name); t.given.SSH && above.Name == "." {
		above.Name = "./"
	}
	switch up := t.look(ctx, above, []string{""}); {
	case strings.Contains(a.Detail, "Not a directory"):
		reason, remedy := t.given.Explain("destination must be a directory")
		t.fail(TopicDirectory, literal(reason), literal(remedy), nil)
	case up.seen[""] != (transport.Copy{}):
		t.lane.say(TopicDirectory, Doubt, directoryNot.of(t.given.Name))
	default:
		t.fail(TopicDirectory, directoryDeep.of(t.given.Name), makeDirectory.of(host(t.given)), nil)
	}
	return false
}

// notThere are the reasons that a look at a missing directory gives.
var notThere = [...]string{"the remote's directory does not exist", "the directory does not exist"}

// deletion is a run that deletes the probes.
func (t *trial) deletion() rsync.Run {
	return rsync.Run{Batch: transport.Batch{Kind: transport.Delete, MayDelete: true}}
}

// sending is a run that writes the probes, whatever times their names have on the remote.
func (t *trial) sending(verify bool) rsync.Run {
	return rsync.Run{Batch: transport.Batch{Kind: transport.Send, Updating: transport.Updating{LiftUpdate: true}, Verify: verify}}
}

func (t *trial) saidDelete() {
	switch {
	case t.caps.NoDelete && t.delete:
		t.fail(TopicDelete, deleteRefused, literal(t.given.AllowDeletions("delete")), nil)
	case t.caps.NoDelete:
		t.lane.say(TopicDelete, Remark, deleteNoNeed)
	case t.delete:
		t.lane.say(TopicDelete, Good, deleteCan)
	default:
		t.lane.say(TopicDelete, Good, deleteUnwanted)
	}
}

// dry tries what can be tried without writing, where nothing that is written could be deleted again.
func (t *trial) dry(ctx context.Context) {
	a := t.session.run(ctx, t.sending(true), t.full, t.probe.written())
	if t.excluded(a) {
		return
	}
	if a.Class != transport.Done {
		t.ended(a, TopicWrite)
		return
	}
	t.lane.say(TopicWrite, Remark, writeNotTried)
	t.options()
}

// write sends the probes, looks at them, and deletes them whatever happens.
func (t *trial) write(ctx context.Context) {
	before := time.Now()
	a := t.session.run(ctx, t.sending(false), t.full, t.probe.written())
	after := time.Now()
	sent := a.Class == transport.Done
	var look answer
	if sent && !t.caps.NoList {
		look = t.look(ctx, t.target, append([]string{""}, t.probe.written()...))
		t.clock(ctx, look, before, after)
	}
	if sent && a.Spared != 0 {
		t.decide(ctx)
	}
	unsure := t.remove(ctx, sent)
	switch {
	case t.excluded(a):
		return
	case !sent:
		t.ended(a, TopicWrite)
	case t.caps.NoList:
		t.lane.say(TopicWrite, Remark, writeUnseen)
	case look.Class == transport.Trouble || look.late:
		t.ended(look, TopicWrite)
	case look.seen[t.probe.fine] == transport.Copy{}:
		t.fail(TopicWrite, writeLost, removesThere.of(host(t.given)), nil)
	case len(t.lane.Left) == 0:
		t.lane.say(TopicWrite, Good, writeDone)
		t.lane.saidTimes(t.given.Params.Times)
	}
	if unsure {
		t.lane.Left = t.probe.names()
	}
	if sent {
		t.versions(ctx)
		t.options()
	}
}

// clock learns from what the remote has how fine it keeps times, and what its clock says. A directory gets the remote's
// own time when a file is made in it. Where that looks wrong a file without a time of ours decides: not every file
// system keeps the time of its root.
func (t *trial) clock(ctx context.Context, look answer, before, after time.Time) {
	fine, whole := look.seen[t.probe.fine], look.seen[t.probe.whole]
	if fine == (transport.Copy{}) {
		return
	}
	if t.given.Params.Times {
		t.lane.Grain = grainOf(fine, whole)
	}
	if dir, ok := look.seen[""]; ok && ahead(dir.Mtime, before, after) == 0 {
		t.lane.ClockKnown = true
		return
	}
	plain := *t
	plain.target.Params = t.target.Params.WithoutTimes()
	before = time.Now()
	a := plain.session.run(ctx, t.sending(false), t.full, []string{t.probe.clock})
	after = time.Now()
	if a.Class != transport.Done {
		return
	}
	if seen, ok := t.look(ctx, t.target, []string{t.probe.clock}).seen[t.probe.clock]; ok {
		t.lane.ClockKnown, t.lane.Ahead = true, ahead(seen.Mtime, before, after)
	}
}

// decide repeats a run that changes nothing until it is known whether the remote accepts an option that was
// doubted.
func (t *trial) decide(ctx context.Context) {
	const options = 2
	for range options {
		if a := t.session.run(ctx, t.sending(true), t.full, t.probe.written()); a.Class != transport.Done || a.Spared == 0 {
			return
		}
	}
}

// removeTime bounds the deletion of the probes. It is not ended with the rest.
const removeTime = 20 * time.Second

// remove deletes the probes. unsure: it failed, and so had the run that wrote them, so that nobody knows whether there
// is any.
func (t *trial) remove(ctx context.Context, sent bool) (unsure bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTime)
	defer cancel()
	a := t.session.run(ctx, t.deletion(), t.empty, t.probe.names())
	if !sent {
		return a.Class != transport.Done
	}
	var left []string
	for _, name := range t.probe.written() {
		if !a.deleted[name] {
			left = append(left, name)
		}
	}
	if len(left) > 0 && !t.caps.NoList {
		look := t.look(ctx, t.target, append([]string{""}, left...))
		left = slices.DeleteFunc(left, func(name string) bool {
			_, there := look.seen[name]
			_, answered := look.seen[""]
			return answered && !there
		})
	}
	t.lane.Left = left
	return false
}

// excluded adds the step that says that the remote's own configuration excludes names like that of a probe, which
// shows nothing about other names.
func (t *trial) excluded(a answer) bool {
	if len(a.Unwanted) == 0 {
		return false
	}
	t.arrived(TopicDirectory)
	t.lane.say(TopicWrite, Remark, writeExcluded.of(a.Unwanted[0]))
	return true
}

// options adds a step about the options that the remote's rsync does not accept. An earlier step has
// said so if it lists or deletes nothing.
func (t *trial) options() {
	caps := t.caps
	caps.NoList, caps.NoDelete = false, false
	var without []foreign
	for _, w := range caps.Without() {
		without = append(without, foreign(w))
	}
	if len(without) > 0 {
		t.lane.say(TopicOptions, Remark, optionsWithout.of(without))
		return
	}
	t.lane.say(TopicOptions, Good, optionsTaken)
}
