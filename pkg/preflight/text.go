package preflight

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// phrase is one text in both languages. Both have the same verbs, in the same order unless they are numbered.
type phrase struct{ en, zh string }

// of is the phrase with its values.
func (p phrase) of(args ...any) Text { return Text{p, args} }

// Text is a phrase with its values. A value may be a Text.
type Text struct {
	phrase phrase
	args   []any
}

// foreign is a sentence that another package has written, in English.
type foreign string

// literal is a text of one such sentence.
func literal(s string) Text { return phrase{"%s", "%s"}.of(foreign(s)) }

// Language is one in which a report can be written.
type Language struct {
	Chinese bool
	// Foreign translates causes and remedies that other packages have written; nil: they stay as they are.
	Foreign func(string) string
}

// In is the text in a language.
func (t Text) In(l Language) string {
	args := make([]any, len(t.args))
	for i, a := range t.args {
		switch v := a.(type) {
		case Text:
			a = v.In(l)
		case foreign:
			a = l.translate(string(v))
		case []foreign:
			a = l.list(v)
		}
		args[i] = a
	}
	if l.Chinese {
		return fmt.Sprintf(t.phrase.zh, args...)
	}
	return fmt.Sprintf(t.phrase.en, args...)
}

func (l Language) translate(s string) string {
	if l.Chinese && l.Foreign != nil {
		return l.Foreign(s)
	}
	return s
}

func (l Language) list(sentences []foreign) string {
	out := make([]string, len(sentences))
	for i, s := range sentences {
		out[i] = l.translate(string(s))
	}
	if l.Chinese {
		return strings.Join(out, "；")
	}
	return strings.Join(out, "; ")
}

// String is the text in English.
func (t Text) String() string { return t.In(Language{}) }

// Empty tells that there is nothing to say.
func (t Text) Empty() bool { return t.phrase.en == "" }

// WriteText writes the form for people, one line for each step. No name, and nothing that a remote says, can write a
// line of its own.
func (r *Report) WriteText(w io.Writer) error {
	p := printer{language: r.Language}
	p.steps(p.word(wordHost), r.Host)
	for _, root := range r.Roots {
		p.steps(p.word(wordWatched.of(clean(root.Watch))), root.Steps)
	}
	for i, lane := range r.Lanes {
		p.steps(p.word(wordLane.of(i+1, clean(lane.Watch), clean(lane.Remote))), lane.Steps)
		for _, name := range lane.Left {
			p.line("  ! %s", p.word(leftThere.of(clean(name), clean(lane.Remote))))
		}
	}
	p.verdict(r)
	if _, err := io.WriteString(w, p.text.String()); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

type printer struct {
	language Language
	text     strings.Builder
}

func (p *printer) word(t Text) string { return t.In(p.language) }

func (p *printer) line(format string, args ...any) { fmt.Fprintf(&p.text, format+"\n", args...) }

func (p *printer) steps(title string, steps []Step) {
	p.line("\n%s", title)
	for _, s := range steps {
		line := clean(p.word(s.Said))
		if s.Detail != "" && !strings.Contains(line, s.Detail) {
			line += p.word(wordBracket.of(clean(s.Detail)))
		}
		if !s.Remedy.Empty() {
			line += p.word(wordThen.of(clean(p.word(s.Remedy))))
		}
		p.line("  %s %s %s", pad(p.word(verdictWords[s.Verdict].of()), 8), pad(p.word(topicWords[s.Topic].of()), 10), line)
		for _, m := range s.Mend {
			p.line("           %s", clean(p.word(m.Where)))
			for _, l := range m.Lines {
				p.line("               %s", clean(l))
			}
		}
	}
}

func (p *printer) verdict(r *Report) {
	wrong := 0
	for _, l := range r.Lanes {
		if !l.OK() {
			wrong++
		}
	}
	p.line("")
	switch {
	case r.Interrupted:
		p.line("%s", p.word(wordInterrupted))
	case len(r.Lanes) == 0:
		p.line("%s", p.word(wordNothing))
	case wrong > 0:
		p.line("%s", p.word(wordLanesWrong.of(wrong, len(r.Lanes))))
	case !r.OK():
		p.line("%s", p.word(wordHostWrong))
	default:
		p.line("%s", p.word(wordLanesGood.of(len(r.Lanes))))
	}
}

// pad fills a word up to a width in columns; a Chinese character takes two.
func pad(s string, width int) string {
	for _, c := range s {
		if width--; c > 0x2e80 {
			width--
		}
	}
	return s + strings.Repeat(" ", max(width, 0))
}

// clean keeps what others have written from writing lines or colours of its own.
func clean(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			quoted := strconv.Quote(s)
			return quoted[1 : len(quoted)-1]
		}
	}
	return s
}

// wireStep is a step in JSON. Texts are English there.
type wireStep struct {
	Topic   string     `json:"topic"`
	Result  string     `json:"result"`
	Message string     `json:"message"`
	Detail  string     `json:"detail,omitempty"`
	Remedy  string     `json:"remedy,omitempty"`
	Mend    []wireMend `json:"mend,omitempty"`
}

type wireMend struct {
	Where string   `json:"where"`
	Lines []string `json:"lines"`
}

type wireRoot struct {
	Watch       string     `json:"watch"`
	Directories int        `json:"directories"`
	Counted     bool       `json:"counted"`
	Steps       []wireStep `json:"steps"`
}

type wireLane struct {
	OK           bool       `json:"ok"`
	Watch        string     `json:"watch"`
	Remote       string     `json:"remote"`
	Release      string     `json:"release,omitempty"`
	TimesKept    string     `json:"times_kept,omitempty"`
	AheadSeconds *float64   `json:"clock_ahead_seconds,omitempty"`
	Left         []string   `json:"left,omitempty"`
	Steps        []wireStep `json:"steps"`
}

// MarshalJSON implements json.Marshaler. Bytes that are no UTF-8 are U+FFFD in it.
func (r *Report) MarshalJSON() ([]byte, error) {
	roots, lanes := []wireRoot{}, []wireLane{}
	for _, root := range r.Roots {
		roots = append(roots, wireRoot{root.Watch, root.Directories, root.Counted, wireSteps(root.Steps)})
	}
	for _, l := range r.Lanes {
		lane := wireLane{OK: l.OK(), Watch: l.Watch, Remote: l.Remote, Release: l.Release, Left: l.Left, Steps: wireSteps(l.Steps)}
		if l.Grain != 0 {
			lane.TimesKept = l.Grain.String()
		}
		if l.ClockKnown {
			seconds := l.Ahead.Seconds()
			lane.AheadSeconds = &seconds
		}
		lanes = append(lanes, lane)
	}
	return json.Marshal(struct {
		OK          bool       `json:"ok"`
		Interrupted bool       `json:"interrupted,omitempty"`
		Host        []wireStep `json:"host"`
		Roots       []wireRoot `json:"roots"`
		Lanes       []wireLane `json:"lanes"`
	}{r.OK(), r.Interrupted, wireSteps(r.Host), roots, lanes})
}

func wireSteps(steps []Step) []wireStep {
	out := []wireStep{}
	for _, s := range steps {
		w := wireStep{Topic: s.Topic.String(), Result: s.Verdict.String(), Message: s.Said.String(), Detail: s.Detail, Remedy: s.Remedy.String()}
		for _, m := range s.Mend {
			w.Mend = append(w.Mend, wireMend{m.Where.String(), m.Lines})
		}
		out = append(out, w)
	}
	return out
}
