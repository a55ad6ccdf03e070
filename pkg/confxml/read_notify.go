package confxml

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
)

// Notify is one <notify>: who is told about trouble, by what rules. Exactly one of
// Webhook and Command is set.
type Notify struct {
	Name string // for the status and the state on disk
	Line int
	// Level is the lowest level of a lane that is told: lagging or failing.
	Level  string
	After  time.Duration // how long a level has to stay before it is told
	Repeat time.Duration // how often a trouble that lasts is told again; 0: never
	Events []string      // of lane, brake, verify
	Lang   string        // en or zh

	Webhook *Webhook
	Command *Command
}

// Webhook is <notify><webhook>.
type Webhook struct {
	Line                   int
	URL, URLFile           string // exactly one of the two
	Template               string // file; empty: the message as JSON
	ContentType            string
	Answer                 []string // fields of a JSON answer that are 0 with success
	TokenFile, TokenHeader string
	CAFile                 string
	Timeout                time.Duration
}

// Command is <notify><command>.
type Command struct {
	Line    int
	Run     string // words, split as a shell does, never executed by one
	Input   string // env or json
	Timeout time.Duration
}

// notifies reads the <notify> elements that are switched on. One that cannot work is left out, and
// reported as a fault.
func (r *reader) notifies(head *etree.Element) []Notify {
	var list []Notify
	for _, el := range r.children(head, "notify") {
		if !r.flag(el, "notify", "start") {
			continue
		}
		n, ok := r.notify(el)
		switch {
		case !ok:
		case slices.ContainsFunc(list, func(other Notify) bool { return other.Name == n.Name }):
			r.fault(n.Line, "notify@name", fmt.Sprintf("%q is the name of another <notify>: this one is left out", n.Name), "give each <notify> its own name=")
		default:
			list = append(list, n)
		}
	}
	return list
}

func (r *reader) notify(el *etree.Element) (Notify, bool) {
	const path = "notify"
	n := Notify{
		Name: r.value(el, path, "name", false).text, Line: r.line(el),
		Level:  r.oneOf(el, path, "level"),
		After:  r.duration(el, path, "after", 0),
		Repeat: r.duration(el, path, "repeat", 0),
		Lang:   r.oneOf(el, path, "lang"),
	}
	events := r.value(el, path, "events", false)
	for word := range strings.FieldsSeq(strings.ReplaceAll(events.text, ",", " ")) {
		if !slices.Contains([]string{"lane", "brake", "verify"}, word) {
			r.fault(events.line, events.element, fmt.Sprintf("%q is unknown: it is ignored", word), "write some of lane, brake, verify")
			continue
		}
		n.Events = append(n.Events, word)
	}
	hook, command := r.child(el, path+"/webhook", false), r.child(el, path+"/command", false)
	switch {
	case hook != nil && command != nil, hook == nil && command == nil:
		r.fault(n.Line, path, "needs one <webhook> or one <command>: nobody is told", "write one of them, and another <notify> for the other")
		return n, false
	case hook != nil:
		n.Webhook = r.webhook(hook)
		return n, n.Webhook != nil
	}
	n.Command = r.command(command)
	return n, n.Command != nil
}

func (r *reader) webhook(el *etree.Element) *Webhook {
	const path = "notify/webhook"
	text := func(attr string) string { return r.value(el, path, attr, false).text }
	w := &Webhook{
		Line: r.line(el), URL: text("url"), URLFile: text("urlfile"), Template: text("template"), ContentType: text("contenttype"),
		Answer: strings.Fields(text("answer")), TokenFile: text("tokenfile"), TokenHeader: text("tokenheader"), CAFile: text("cafile"),
		Timeout: r.duration(el, path, "timeout", time.Millisecond),
	}
	if (w.URL == "") == (w.URLFile == "") {
		r.fault(w.Line, path, "needs url or urlfile, and one of them: nobody is told", `write url="https://..." or urlfile="FILE"`)
		return nil
	}
	return w
}

func (r *reader) command(el *etree.Element) *Command {
	const path = "notify/command"
	c := &Command{
		Line: r.line(el), Run: r.value(el, path, "run", false).text, Input: r.oneOf(el, path, "input"),
		Timeout: r.duration(el, path, "timeout", time.Millisecond),
	}
	if strings.TrimSpace(c.Run) == "" {
		r.fault(c.Line, path+"@run", "missing or empty: nobody is told", `write run="/usr/local/bin/tell-me"`)
		return nil
	}
	return c
}

// duration reads a time of at least least; anything else is the default.
func (r *reader) duration(el *etree.Element, path, attr string, least time.Duration) time.Duration {
	v := r.value(el, path, attr, false)
	d, err := time.ParseDuration(v.text)
	if err == nil && d >= least {
		return d
	}
	def := r.defs.must(path, attr).def
	r.fault(v.line, v.element, fmt.Sprintf("%q is no duration: %s is used", v.text, def), "write it like 90s, 5m or 4h")
	d, _ = time.ParseDuration(def)
	return d
}
