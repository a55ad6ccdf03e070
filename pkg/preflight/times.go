package preflight

import (
	"time"

	"github.com/sersync/sersync/pkg/transport"
)

// grainOf is how fine a remote keeps times, from what it has of the two probes; unknown when it keeps no time that is set.
func grainOf(fine, whole transport.Copy) transport.Grain {
	switch {
	case fine.SameTime && whole.SameTime:
		return transport.GrainNanosecond
	case whole.SameTime && fine.Mtime.Equal(wholeTime):
		return transport.GrainSecond
	case near(whole.Mtime, wholeTime):
		return transport.GrainTwoSeconds
	default:
		return transport.GrainUnknown
	}
}

func near(a, b time.Time) bool { return a.Sub(b).Abs() <= time.Second }

// slack is by how much two clocks may differ before the report mentions it. The remote's time is known to the
// second only.
const slack = 2 * time.Second

// ahead is how far the remote's clock is ahead, where the remote has given a file its own time there, in whole
// seconds, between the moments before and after of this host. Within the uncertainty it is 0.
func ahead(there, before, after time.Time) time.Duration {
	switch {
	case there.Add(time.Second).Before(before.Add(-slack)):
		return there.Add(time.Second).Sub(before).Round(time.Second)
	case there.After(after.Add(slack)):
		return there.Sub(after).Round(time.Second)
	default:
		return 0
	}
}

// saidTimes are the steps about the clock and the times of files.
func (l *Lane) saidTimes(times bool) {
	v, clock := Good, clocksAgree
	switch {
	case !l.ClockKnown:
		v, clock = Remark, clockUnknown
	case l.Ahead > 0:
		v, clock = Doubt, clockAhead.of(l.Ahead.String())
	case l.Ahead < 0:
		v, clock = Doubt, clockBehind.of((-l.Ahead).String())
	}
	step := Step{Topic: TopicTimes, Verdict: v, Said: clock}
	if v == Doubt {
		step.Remedy = setClocks
	}
	l.Steps = append(l.Steps, step)
	switch {
	case !times:
		l.say(TopicTimes, Remark, grainNotSent)
	case l.Grain == transport.GrainNanosecond:
		l.say(TopicTimes, Good, grainNano)
	case l.Grain == transport.GrainSecond:
		l.say(TopicTimes, Remark, grainSecond)
	case l.Grain == transport.GrainTwoSeconds:
		l.say(TopicTimes, Remark, grainTwo)
	default:
		l.Steps = append(l.Steps, Step{Topic: TopicTimes, Verdict: Doubt, Said: grainNot, Remedy: allowTimes})
	}
}
