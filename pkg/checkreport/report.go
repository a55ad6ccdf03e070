// Package checkreport is what --check says about a configuration, as plain data,
// in the form for people and as JSON.
package checkreport

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/sersync/sersync/pkg/confxml"
)

// Report is what a configuration would do on this host, and what is wrong with
// it. Paths, expressions and arguments are bytes.
type Report struct {
	File       string
	Problems   []confxml.Problem
	Excludes   []string // the expressions that are in effect
	LocalPaths []LocalPath
	Crontab    string // when full syncs run; empty: never
	Verify     string // when comparisons run; empty: never
	Plugins    []string
	Watch      string // what a plugin alone watches (-m)
	Tried      Tried  // what was found by trying (--connect); nil: nothing was tried
	// Say translates what WriteText writes into another language; nil: it is written in English.
	Say func(string) string
}

// Tried is what was found by trying.
type Tried interface {
	OK() bool
	WriteText(w io.Writer) error
	json.Marshaler
}

// LocalPath is one watch root.
type LocalPath struct {
	Watch    string
	Backend  string   // what watches it: inotify or fanotify
	Chosen   string   // why this program has chosen it, where the choice is left to it
	Events   []string // the switches that are on; none means "none"
	DotFiles bool
	Lanes    []Lane
}

// Lane is one remote of a watch root.
type Lane struct {
	Remote   string
	Release  string // what the remote says about its rsync; empty: nothing
	Busy     []Busy
	Moved    string    // why what is moved here is sent again; empty: it is linked instead
	Commands []Command // none to a stream
	Stream   *Stream   // nil: to a remote
}

// Stream is how a lane publishes.
type Stream struct {
	Hub       string `json:"hub"`        // its servers
	KeepHours int    `json:"keep_hours"` // how long changes are kept
	SizeMiB   int64  `json:"size_mib"`   // how much of them
	Replicas  int    `json:"replicas"`   // on how many servers
}

// Busy is what holds at some hours of the week.
type Busy struct {
	Hours string   // such as 08:00-20:00 mon-fri CET
	Rules []string // what becomes of full syncs, and of large files
}

// Command is the argument vector of one kind of run, as it is run in the watch
// root; names of files come through its standard input.
type Command struct {
	Purpose string // changes, directories, deletions, full sync
	Argv    []string
	Line    string // the same, quoted for a shell
}

// OK tells whether the configuration does what it says: none of the problems is
// an error, and nothing that was tried failed.
func (r Report) OK() bool {
	return r.sound() && (r.Tried == nil || r.Tried.OK())
}

// sound tells whether none of the problems is an error.
func (r Report) sound() bool {
	for _, p := range r.Problems {
		if p.Severity >= confxml.Fault {
			return false
		}
	}
	return true
}

// WriteText writes the form for people: no name can write a line of its own.
func (r Report) WriteText(w io.Writer) error {
	t := text{say: r.Say}
	if t.say == nil {
		t.say = func(s string) string { return s }
	}
	for _, p := range r.Problems {
		t.line("%s: %s", t.say(p.Severity.String()), p.In(t.say))
	}
	if r.Tried != nil {
		if err := write(w, []byte(t.out.String())); err != nil {
			return err
		}
		if err := r.Tried.WriteText(w); err != nil || r.sound() {
			return err
		}
		return write(w, []byte(t.say(notUsable)+"\n"))
	}
	for _, e := range r.Excludes {
		t.line("%s: %s", t.say("exclude"), printable(e))
	}
	for _, l := range r.LocalPaths {
		t.local(l)
	}
	if r.Crontab != "" {
		t.line("")
		t.line("%s: %s", t.say("crontab"), t.say("full sync "+r.Crontab))
	}
	if r.Verify != "" {
		t.line("%s: %s", t.say("verify"), t.say("compare "+r.Verify))
	}
	for _, p := range r.Plugins {
		t.line("%s: %s", t.say("plugin"), printable(p))
	}
	if r.Watch != "" {
		t.line("%s: %s", t.say("watch"), printable(r.Watch))
	}
	if r.OK() {
		t.line("%s", t.say("ok"))
	} else {
		t.line("%s", t.say(notUsable))
	}
	return write(w, []byte(t.out.String()))
}

// notUsable is the last line about a configuration with errors.
const notUsable = "not usable as it is: see the errors above"

// text collects the report for people.
type text struct {
	out strings.Builder
	say func(string) string
}

func (t *text) line(format string, args ...any) { fmt.Fprintf(&t.out, format+"\n", args...) }

func (t *text) local(l LocalPath) {
	t.line("")
	t.line("%s: %s", t.say("localpath"), printable(l.Watch))
	events := strings.Join(l.Events, " ")
	if events == "" {
		events = t.say("none")
	}
	t.line("  %s: %s", t.say("events"), events)
	if l.Backend == confxml.Fanotify || l.Chosen != "" {
		by := l.Backend
		if l.Chosen != "" {
			by += ", " + t.say(l.Chosen)
		}
		t.line("  %s: %s", t.say("watched by"), printable(by))
	}
	if l.DotFiles {
		t.line("  %s", t.say("files beginning with a dot: synced"))
	}
	for _, lane := range l.Lanes {
		t.line("  %s: %s", t.say("lane"), printable(lane.Remote))
		if lane.Release != "" {
			t.line("    %-12s %s", t.say("remote")+":", printable(t.release(lane.Release)))
		}
		if s := lane.Stream; s != nil {
			t.line("    %-12s %s", t.say("hub")+":", printable(s.Hub))
			t.line("    %-12s %s", t.say("kept")+":", t.say(fmt.Sprintf("changes of %d hours, at most %d MiB", s.KeepHours, s.SizeMiB)))
		}
		for _, b := range lane.Busy {
			var rules []string
			for _, r := range b.Rules {
				rules = append(rules, t.say(r))
			}
			t.line("    %-12s %s: %s", t.say("busy")+":", b.Hours, strings.Join(rules, "; "))
		}
		if lane.Moved != "" {
			t.line("    %-12s %s", t.say("moved")+":", t.say("sent again, because of "+lane.Moved))
		}
		for _, c := range lane.Commands {
			t.line("    %-12s %s", t.say(c.Purpose)+":", printable(c.Line))
		}
	}
}

// release is what a remote says about its rsync, part by part.
func (t *text) release(s string) string {
	parts := strings.Split(s, "; ")
	for i := range parts {
		parts[i] = t.say(parts[i])
	}
	return strings.Join(parts, "; ")
}

// wire is the form in JSON. Every list is there, if only empty.
type wire struct {
	OK         bool        `json:"ok"`
	File       string      `json:"file"`
	Findings   []finding   `json:"findings"`
	Excludes   []string    `json:"excludes"`
	LocalPaths []wireLocal `json:"localpaths"`
	Crontab    string      `json:"crontab,omitempty"`
	Verify     string      `json:"verify,omitempty"`
	Plugins    []string    `json:"plugins"`
	Watch      string      `json:"watch,omitempty"`
	Connect    Tried       `json:"connect,omitempty"`
}

type finding struct {
	Severity string `json:"severity"`
	File     string `json:"file"`
	Line     int    `json:"line,omitempty"`
	Element  string `json:"element,omitempty"`
	Message  string `json:"message"`
	Remedy   string `json:"remedy,omitempty"`
}

type wireLocal struct {
	Watch    string     `json:"watch"`
	Backend  string     `json:"backend"`
	Chosen   string     `json:"chosen,omitempty"`
	Events   []string   `json:"events"`
	DotFiles bool       `json:"dotfiles"`
	Lanes    []wireLane `json:"lanes"`
}

type wireLane struct {
	Remote   string              `json:"remote"`
	Release  string              `json:"release,omitempty"`
	Busy     []wireBusy          `json:"busy,omitempty"`
	Moved    string              `json:"moved,omitempty"`
	Commands map[string][]string `json:"commands"`
	Stream   *Stream             `json:"stream,omitempty"`
}

type wireBusy struct {
	Hours string   `json:"hours"`
	Rules []string `json:"rules"`
}

// WriteJSON writes the report as one JSON object and a newline. Bytes that are no
// UTF-8 are U+FFFD in it.
func (r Report) WriteJSON(w io.Writer) error {
	out := wire{OK: r.OK(), File: r.File, Findings: []finding{}, Excludes: texts(r.Excludes), LocalPaths: []wireLocal{},
		Crontab: r.Crontab, Verify: r.Verify, Plugins: texts(r.Plugins), Watch: r.Watch, Connect: r.Tried}
	for _, p := range r.Problems {
		out.Findings = append(out.Findings, finding{p.Severity.String(), p.File, p.Line, p.Element, p.Message, p.Remedy})
	}
	for _, l := range r.LocalPaths {
		local := wireLocal{Watch: l.Watch, Backend: l.Backend, Chosen: l.Chosen, Events: texts(l.Events), DotFiles: l.DotFiles, Lanes: []wireLane{}}
		for _, lane := range l.Lanes {
			commands := map[string][]string{}
			for _, c := range lane.Commands {
				commands[strings.ReplaceAll(c.Purpose, " ", "_")] = texts(c.Argv)
			}
			var busy []wireBusy
			for _, b := range lane.Busy {
				busy = append(busy, wireBusy(b))
			}
			local.Lanes = append(local.Lanes, wireLane{lane.Remote, lane.Release, busy, lane.Moved, commands, lane.Stream})
		}
		out.LocalPaths = append(out.LocalPaths, local)
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	return write(w, append(b, '\n'))
}

func write(w io.Writer, b []byte) error {
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// texts is a list that JSON shows as a list even when it is empty.
func texts(list []string) []string { return append([]string{}, list...) }

// printable keeps a hostile name from writing lines or colours of its own.
func printable(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return fmt.Sprintf("%q", s)
		}
	}
	return s
}
