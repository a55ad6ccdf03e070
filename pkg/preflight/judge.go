package preflight

import (
	"regexp"
	"strings"
	"syscall"

	"github.com/sersync/sersync/pkg/transport"
)

// ended says why a run has failed, and what that shows to be in order.
func (t *trial) ended(a answer, topic Topic) {
	switch {
	case a.cut:
		return
	case a.late:
		t.fail(topic, tookTooLong.of(runTime.String()), lookAtDaemon.of(host(t.given)), nil)
		return
	}
	t.judged(a.Result, topic)
}

// judged adds the step that says why a run has failed. topic is what was being tried; the reason may be about an
// earlier one. It always returns false.
func (t *trial) judged(r transport.Result, topic Topic) bool {
	reason, detail, remedy := r.Reason, r.Detail, r.Remedy
	if m := seenBy.FindStringSubmatch(detail); m != nil {
		t.seenAs = m[1]
	}
	var mend []Mend
	if c, known := causes[reason]; known {
		topic = c.topic
		if c.mend != nil {
			mend = c.mend(t.given, t.watch, t.seenAs)
		}
	}
	if r.Exit == exitUnsupported || strings.Contains(reason, "does not know the option") {
		topic = TopicOptions
	}
	if len(r.Failed) > 0 {
		e := r.Failed[0]
		reason, detail, remedy = t.complaint(r, e)
		if e.Remote && (e.Errno == syscall.EACCES || e.Errno == syscall.EPERM) {
			mend = permissions(t.given)
		}
	}
	if reason == "" {
		reason = "rsync failed"
	}
	t.arrived(topic)
	t.fail(topic, literal(reason), literal(remedy), mend)
	t.lane.Steps[len(t.lane.Steps)-1].Detail = detail
	return false
}

// seenBy is the end of a daemon's refusal, with the address by which it knows this host.
var seenBy = regexp.MustCompile(`access denied to \S+ from \S+ \(([0-9a-fA-F.:]+)\)$`)

// exitUnsupported is rsync's exit status for an option that one side does not accept.
const exitUnsupported = 4

// complaint is what is wrong with the probe itself.
func (t *trial) complaint(r transport.Result, e transport.PathError) (reason, detail, remedy string) {
	reason, detail, remedy = r.Reason, e.Text, r.Remedy
	if r.Class != transport.NoSpace {
		reason = e.Errno.Error()
	}
	if remedy == "" {
		remedy = t.given.Remedy(e)
	}
	return reason, detail, remedy
}

// fail adds a step that will not work.
func (t *trial) fail(topic Topic, said, remedy Text, mend []Mend) {
	if remedy.String() == "" {
		remedy = Text{}
	}
	t.lane.Steps = append(t.lane.Steps, Step{Topic: topic, Verdict: Wrong, Said: said, Remedy: remedy, Mend: mend})
}

// arrived adds steps that say that all topics before a topic are in order, as far as nothing was said about them yet:
// a daemon looks up the module first, then whether this host may use it, then the user.
func (t *trial) arrived(until Topic) {
	say := func(topic Topic, said Text) {
		if topic < until && !t.lane.told(topic) {
			t.lane.say(topic, Good, said)
		}
	}
	if t.given.SSH {
		if until > TopicDirectory {
			say(TopicDirectory, directoryThere.of(t.given.Name))
		}
		return
	}
	say(TopicModule, moduleThere.of(module(t.given)))
	say(TopicAccess, accessGiven)
	switch {
	case t.given.User == "":
		say(TopicLogin, loginNone)
	case t.given.PasswordFile == "":
		say(TopicLogin, loginUser.of(t.given.User))
	default:
		say(TopicLogin, loginTaken.of(t.given.User, t.given.PasswordFile))
	}
	say(TopicDirectory, directoryThere.of(t.given.Dest()))
}
