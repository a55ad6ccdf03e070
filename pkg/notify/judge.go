package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/words"
)

// Rules say what is told, and when.
type Rules struct {
	// Level is the level from which on a lane counts as in trouble: status.Lagging or
	// status.Failing.
	Level status.Level
	// After is how long a level has to stay before it is told.
	After time.Duration
	// Repeat is how often a trouble that lasts is told again; 0: never.
	Repeat time.Duration
	Events map[Event]bool
	Lang   status.Lang
}

// forgetAfter is how long a message without a repetition counts.
const forgetAfter = 7 * 24 * time.Hour

// Judge decides what is told. It does no I/O; the time is that of the snapshots. It is
// not safe for concurrent use.
type Judge struct {
	rules      Rules
	conditions map[string]*condition // by subject
}

// condition is what is known of one subject.
type condition struct {
	told   status.Level
	toldAt time.Time
	// verified is the time of the last verification that was looked at.
	verified time.Time
	// atLeast is, for each level, since when the lane has been at this level or a worse one, and
	// atMost since when at this or a better one; zero: it is not. A lane stays at a level while it
	// is in both.
	atLeast, atMost [status.Failing + 1]time.Time
}

// NewJudge is a judge that has told nothing yet.
func NewJudge(rules Rules) *Judge {
	return &Judge{rules: rules, conditions: map[string]*condition{}}
}

// Look says what is to be told about a snapshot, in its order. The snapshots of one judge
// are in the order of their time. What is not in a snapshot any more is forgotten.
func (j *Judge) Look(s status.Snapshot) []Message {
	if !s.Ready {
		return nil
	}
	var out []Message
	seen := map[string]bool{}
	add := func(f finding) {
		seen[f.subject] = true
		if m, ok := j.judge(f, s); ok {
			out = append(out, m)
		}
	}
	if j.rules.Events[Brake] {
		for _, r := range s.Roots {
			add(j.root(r))
		}
	}
	for _, l := range s.Lanes {
		if j.rules.Events[Lane] {
			add(j.lane(l, s.Now))
		}
		seen[subject(Verify, l.ID)] = true
		if f, ok := j.verification(l); ok && j.rules.Events[Verify] {
			add(f)
		}
	}
	for key := range j.conditions {
		if !seen[key] {
			delete(j.conditions, key)
		}
	}
	return out
}

// finding is what a snapshot says about one subject.
type finding struct {
	subject string
	event   Event
	// level counts for the rules: a lane below the least level is in sync. real is what
	// the snapshot says.
	level, real                              status.Level
	text, reason, remedy, root, remote, lane string
	// atOnce marks an event that is told without waiting for After, and not repeated.
	atOnce bool
}

func subject(e Event, name string) string { return fmt.Sprintf("%s %q", e, name) }

func (j *Judge) root(r status.Root) finding {
	r.Reason, r.Remedy = j.say(r.Reason), j.say(r.Remedy)
	f := finding{subject: subject(Brake, r.Path), event: Brake, reason: r.Reason, remedy: r.Remedy, root: r.Path}
	if r.State != status.RootBraked && r.State != status.RootGone {
		r.State = status.RootWatched
	}
	f.real, f.text = r.Verdict(j.rules.Lang)
	f.level = f.real
	return f
}

func (j *Judge) lane(l status.Lane, now time.Time) finding {
	l.Reason, l.Remedy = j.say(l.Reason), j.say(l.Remedy)
	f := j.of(Lane, l)
	f.reason, f.remedy = l.Reason, l.Remedy
	f.real, f.text = l.Verdict(now, j.rules.Lang)
	if f.real >= j.rules.Level {
		f.level = f.real
	}
	return f
}

// verification is what a comparison has found that was not looked at before.
func (j *Judge) verification(l status.Lane) (finding, bool) {
	f := j.of(Verify, l)
	c := j.condition(f.subject)
	if l.Verify == nil || !l.Verify.Time.After(c.verified) {
		return f, false
	}
	c.verified = l.Verify.Time
	f.atOnce = true
	text := l.Verify.Text(j.rules.Lang)
	switch v := l.Verify; {
	case v.Error != "":
		f.level, f.reason = status.Failing, status.Printable(v.Error)
		text = j.phrase("the verification failed: ", "比对失败：") + f.reason
	case !v.Equal():
		f.level, f.reason = status.Failing, text
		text = j.phrase("the verification found differences: ", "比对发现差异：") + text
	default:
		text = j.phrase("the verification found ", "比对结果：") + text
	}
	f.real = f.level
	f.text = status.LaneName(l, j.rules.Lang) + j.phrase(": ", "：") + text
	if f.level != status.InSync {
		var advice []string
		for _, d := range l.Differences {
			advice = append(advice, d.Advice(j.rules.Lang))
		}
		f.remedy = strings.Join(advice, j.phrase("; ", "；"))
	}
	if l.Verify.Repair {
		f.remedy = j.phrase("they are being repaired as far as the lane may; what stays shows in the status", "正在通道权限内修复，未能修复的会显示在状态中")
	}
	return f, true
}

func (j *Judge) of(e Event, l status.Lane) finding {
	return finding{subject: subject(e, l.ID), event: e, root: l.Root, remote: l.Remote, lane: l.ID}
}

func (j *Judge) condition(subject string) *condition {
	c := j.conditions[subject]
	if c == nil {
		c = &condition{}
		j.conditions[subject] = c
	}
	return c
}

// judge brings a finding together with what was told about its subject.
func (j *Judge) judge(f finding, s status.Snapshot) (Message, bool) {
	c := j.condition(f.subject)
	c.note(f.level, s.Now)
	before := c.told
	now := c.stable(j.rules.After, s.Now)
	if f.atOnce {
		now = f.level
	}
	st := Problem
	switch {
	case now != before && now != f.level: // on its way to another level
		return Message{}, false
	case now == status.InSync && before != status.InSync:
		st = Over
	case now != before:
	case f.atOnce && now != status.InSync:
	case !f.atOnce && c.due(f.level, j.rules.Repeat, s.Now):
		st = Repeat
	default:
		return Message{}, false
	}
	c.told, c.toldAt = now, s.Now
	return j.message(f, s, st, before, c), true
}

func (j *Judge) message(f finding, s status.Snapshot, st Status, before status.Level, c *condition) Message {
	m := Message{
		Time: s.Now, Event: f.event, Status: st, Level: f.real.String(), Previous: before.String(),
		Host: s.Host, Config: status.Printable(s.ConfigFile), Root: status.Printable(f.root), Remote: status.Printable(f.remote), Lane: status.Printable(f.lane),
		Text: f.text, Reason: status.Printable(f.reason), Remedy: status.Printable(f.remedy),
		Since: c.since(f.level, s.Now), Until: s.Now.Add(forgetAfter), subject: f.subject,
	}
	switch {
	case st == Over:
		m.Until = s.Now
		m.Reason, m.Remedy = "", ""
	case j.rules.Repeat > 0 && !f.atOnce:
		// The message still counts while a repetition is late.
		m.Until = s.Now.Add(2*j.rules.Repeat + j.rules.After)
	}
	sum := sha256.Sum256(fmt.Append(nil, s.Host, "\x00", s.ConfigFile, "\x00", f.subject, "\x00", st, s.Now.UnixNano()))
	m.ID = hex.EncodeToString(sum[:8])
	return m
}

// note records the level of this moment.
func (c *condition) note(level status.Level, now time.Time) {
	keep := func(since *time.Time, holds bool) {
		switch {
		case !holds:
			*since = time.Time{}
		case since.IsZero() || since.After(now): // or the clock was set back
			*since = now
		}
	}
	for l := range c.atLeast {
		keep(&c.atLeast[l], level >= status.Level(l))
		keep(&c.atMost[l], level <= status.Level(l))
	}
	if c.toldAt.After(now) {
		c.toldAt = now
	}
}

// stable is the level that counts: the one that was told last, until the level has been better or
// worse for the time after.
func (c *condition) stable(after time.Duration, now time.Time) status.Level {
	long := func(since time.Time) bool { return !since.IsZero() && now.Sub(since) >= after }
	for l := status.Failing; l > c.told; l-- {
		if long(c.atLeast[l]) {
			return l
		}
	}
	for l := status.InSync; l < c.told; l++ {
		if long(c.atMost[l]) {
			return l
		}
	}
	return c.told
}

// due tells whether a trouble that lasts is to be told again.
func (c *condition) due(level status.Level, every time.Duration, now time.Time) bool {
	return every > 0 && c.told != status.InSync && level >= c.told && now.Sub(c.toldAt) >= every
}

// since is when the level became what it is.
func (c *condition) since(level status.Level, now time.Time) time.Time {
	since := c.atLeast[level]
	if c.atMost[level].After(since) {
		since = c.atMost[level]
	}
	if since.IsZero() {
		return now
	}
	return since
}

// say is a cause or remedy in the language of the rules.
func (j *Judge) say(sentence string) string {
	if j.rules.Lang == status.Chinese {
		return words.Chinese(sentence)
	}
	return sentence
}

func (j *Judge) phrase(en, zh string) string {
	if j.rules.Lang == status.Chinese {
		return zh
	}
	return en
}
