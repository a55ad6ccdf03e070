package preflight

import (
	"time"

	"github.com/sersync/sersync/pkg/transport"
)

// Verdict is what a step has come to.
type Verdict uint8

// The verdicts. Only Wrong makes a report fail.
const (
	Good   Verdict = iota
	Remark         // it works, and something is worth knowing
	Doubt          // it works, and something is not as one would think
	Wrong          // it will not work
)

// String is the word for programs.
func (v Verdict) String() string { return [...]string{"ok", "note", "warning", "error"}[v] }

// Topic is what a step is about.
type Topic uint8

// The topics, in the order in which a lane gets to them: the end of a later one shows that those before it are in order.
const (
	TopicRsync Topic = iota // the rsync of this host
	TopicLimits
	TopicTree   // a watch root
	TopicServed // who serves the watch root already
	TopicName
	TopicPort
	TopicTLS
	TopicHostKey
	TopicKey
	TopicRelease
	TopicModule
	TopicAccess
	TopicLogin
	TopicDirectory
	TopicDelete
	TopicWrite
	TopicTimes
	TopicVersions
	TopicOptions
	TopicStream
	TopicRoom
	topicCount
)

// String is the word for programs.
func (t Topic) String() string {
	return [...]string{"rsync", "limits", "tree", "served", "name", "port", "tls", "host-key", "key", "release", "module", "access",
		"login", "directory", "delete", "write", "times", "versions", "options", "stream", "room"}[t]
}

// Step is one thing that was tried.
type Step struct {
	Topic   Topic
	Verdict Verdict
	// Said is what was found, Remedy what a person can do; Detail is what the other side said, where that is known.
	Said, Remedy Text
	Detail       string
	// Mend are lines for files that would repair it.
	Mend []Mend
}

// Mend are lines for one file.
type Mend struct {
	Where Text
	Lines []string
}

// Root is what was found out about one watch root.
type Root struct {
	Watch       string
	Directories int  // how many there are
	Counted     bool // false: counting took too long, there are more
	Steps       []Step
}

// Lane is what was found out about one lane.
type Lane struct {
	Watch, Remote string
	Steps         []Step
	Release       string // of the remote's rsync, as far as it is known
	Grain         transport.Grain
	// Ahead is how far the remote's clock is ahead of this host's; ClockKnown tells whether it could be found out.
	Ahead      time.Duration
	ClockKnown bool
	// Left are names that could not be deleted on the remote again.
	Left []string
}

// Report is what was found by trying.
type Report struct {
	// Language is that of the form for people.
	Language    Language
	Host        []Step
	Roots       []Root
	Lanes       []Lane
	Interrupted bool // the rest was not tried
}

// OK tells whether nothing is wrong.
func (r *Report) OK() bool {
	ok := !r.Interrupted && right(r.Host)
	for _, root := range r.Roots {
		ok = ok && right(root.Steps)
	}
	for _, lane := range r.Lanes {
		ok = ok && lane.OK()
	}
	return ok
}

// OK tells whether nothing is wrong with the lane.
func (l Lane) OK() bool { return right(l.Steps) && len(l.Left) == 0 }

func right(steps []Step) bool {
	for _, s := range steps {
		if s.Verdict == Wrong {
			return false
		}
	}
	return true
}

// say adds a step.
func (l *Lane) say(topic Topic, v Verdict, said Text) {
	l.Steps = append(l.Steps, Step{Topic: topic, Verdict: v, Said: said})
}

// told tells whether the lane has a step about a topic.
func (l *Lane) told(topic Topic) bool {
	for _, s := range l.Steps {
		if s.Topic == topic {
			return true
		}
	}
	return false
}
