package status

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// RenderOptions say how Render writes.
type RenderOptions struct {
	Color bool // ANSI colours
	Lang  Lang
	Width int // columns of the terminal; 0: unlimited
}

// Render writes a snapshot as a table for people. Whatever names hold, the
// output has no control characters but newlines and, with Color, its own
// colours. The error is that of w.
func Render(w io.Writer, s Snapshot, opts RenderOptions) error {
	t := table{opts: opts, now: s.Now, words: wordsIn(opts.Lang)}
	t.head(s)
	t.config(s.ConfigProblems)
	for _, r := range s.Roots {
		t.root(r, s.Lanes)
	}
	t.failures(s.Lanes)
	t.transfers(s.Lanes)
	t.foot(s)
	if _, err := w.Write(t.out.Bytes()); err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	return nil
}

type table struct {
	out   bytes.Buffer
	opts  RenderOptions
	now   time.Time
	words map[string]string
}

const (
	red    = "31"
	green  = "32"
	yellow = "33"
	dim    = "2"
	bold   = "1"
)

func (t *table) paint(code, text string) string {
	if !t.opts.Color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (t *table) word(english string) string {
	if w, ok := t.words[english]; ok {
		return w
	}
	return english
}

func (t *table) line(format string, args ...any) { fmt.Fprintf(&t.out, format+"\n", args...) }

// ago is the time since at, or "never".
func (t *table) ago(at time.Time) string {
	if at.IsZero() {
		return t.word("never")
	}
	span := Span(t.now.Sub(at), t.opts.Lang)
	if t.opts.Lang == Chinese {
		return span + t.word("ago")
	}
	return span + " " + t.word("ago")
}

func levelColor(l Level) string {
	return [...]string{green, yellow, red, red}[l]
}

func (t *table) head(s Snapshot) {
	level, text := OverallIn(s, t.opts.Lang)
	head := "sersync " + Printable(s.Version)
	if s.Host != "" {
		head += " @ " + Printable(s.Host)
	}
	head += fmt.Sprintf(", pid %d", s.PID)
	if !s.Started.IsZero() {
		head += ", " + t.word("up") + " " + Span(s.Now.Sub(s.Started), t.opts.Lang)
	}
	if s.ConfigFile != "" {
		head += ", " + Printable(s.ConfigFile)
	}
	// A monitoring system shows the first line, so that is the verdict.
	verdict, cause := t.word(level.String()), t.word(": ")+text
	if level == InSync {
		cause = ""
		if rest, all := strings.CutPrefix(text, t.word("everything is in sync")); all {
			cause = rest
		} else {
			verdict = text // changes are on their way
		}
	}
	t.line("%s", t.paint(levelColor(level)+";1", verdict)+cause)
	t.line("%s", head)
}

func (t *table) root(r Root, lanes []Lane) {
	color := green
	if r.State != RootWatched {
		color = red
	}
	if r.State == RootStarting {
		color = yellow
	}
	t.line("")
	watched := count(r.Directories) + " " + t.word("directories")
	if r.Backend == "fanotify" {
		watched = r.Backend
	}
	if r.Chosen != "" {
		watched += " (" + Printable(r.Chosen) + ")"
	}
	t.line("%s  %s, %s", t.paint(bold, Printable(r.Path)), t.paint(color, t.word(string(r.State))), watched)
	if r.Writing > 0 {
		t.line("  %s %s", count(r.Writing), t.word("new files are still being written"))
	}
	if r.State != RootWatched {
		t.reason("  ", r.Reason, "", r.Remedy)
	}
	rows := [][]string{{"STATE", "PENDING", "LAG", "LAST SUCCESS", "P50/P95", "NO", "LANE"}}
	for i, c := range rows[0] {
		rows[0][i] = t.word(c)
	}
	var mine []Lane
	for i, l := range lanes {
		if l.Root == r.Path {
			mine = append(mine, l)
			rows = append(rows, t.row(i+1, l))
		}
	}
	widths := columnWidths(rows)
	for i, row := range rows {
		color := dim
		if i > 0 {
			color = laneColor(mine[i-1])
		}
		t.cells(row, widths, color, i == 0)
		if i > 0 {
			t.laneNotes(mine[i-1])
		}
	}
}

// row ends with the number of the lane, which is its label in the metrics, and with its id, by
// which actions name it.
func (t *table) row(number int, l Lane) []string {
	lag, latency := "-", "-"
	if d := l.Lag(t.now); d > 0 {
		lag = Span(d, t.opts.Lang)
	}
	if l.Latency.Count > 0 {
		latency = Span(time.Duration(l.Latency.P50), t.opts.Lang) + " / " + Span(time.Duration(l.Latency.P95), t.opts.Lang)
	}
	state := t.word(string(l.State))
	if t.opts.Lang == English {
		state = strings.ReplaceAll(state, "-", " ")
	}
	return []string{state, count(l.Pending + l.InFlight), lag, t.ago(l.LastSuccess), latency, strconv.Itoa(number), Printable(l.ID)}
}

func laneColor(l Lane) string {
	switch {
	case l.State == LaneBackingOff || l.State == LaneDegraded || l.Failing > 0:
		return red
	case l.State == LaneInSync:
		return green
	default:
		return yellow
	}
}

func columnWidths(rows [][]string) []int {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], width(c))
		}
	}
	return widths
}

func (t *table) cells(row []string, widths []int, color string, all bool) {
	t.out.WriteString(" ")
	for i, c := range row {
		last := i == len(row)-1
		if !last {
			c = pad(c, widths[i])
		}
		if i == 0 || all {
			c = t.paint(color, c)
		}
		t.out.WriteString(" " + c)
		if !last {
			t.out.WriteString(" ")
		}
	}
	t.out.WriteString("\n")
}

func (t *table) laneNotes(l Lane) {
	if p := l.Progress; p != nil {
		t.progress(*p)
	}
	if l.Failing > 0 {
		t.line("    %s", t.paint(red, count(l.Failing)+" "+t.word("failing paths")))
	}
	t.receiver(l)
	t.edges(l.Edges)
	if l.Verify != nil {
		t.verify(*l.Verify)
	}
	for _, d := range l.Differences {
		t.difference(d)
	}
	if l.Reason != "" || l.Detail != "" {
		t.reason("    ", l.Reason, l.Detail, l.Remedy)
	}
	if l.State == LaneBackingOff && l.NextTry.After(t.now) {
		t.line("    %s %s", t.word("next try in"), Span(l.NextTry.Sub(t.now), t.opts.Lang))
	}
	if l.Held(t.now) {
		t.line("    %s %s (%s)", t.word("until"), Moment(l.NextTry), Span(l.NextTry.Sub(t.now), t.opts.Lang))
	}
}

// progress writes how many entries a full sync is done with, of how many, and when it will end.
func (t *table) progress(p Progress) {
	text := fmt.Sprintf("%s, %s", count(int(p.Done)), size(p.Bytes))
	if p.Total > 0 {
		text = fmt.Sprintf("%d%%  %s / %s, %s", 100*p.Done/p.Total, count(int(p.Done)), count(int(p.Total)), size(p.Bytes))
	}
	if !p.Until.IsZero() {
		text += fmt.Sprintf(", %s %s", t.word("about to end in"), Span(max(0, p.Until.Sub(t.now)), t.opts.Lang))
	}
	t.line("    %s", text)
}

// verify writes what the last comparison has found; difference writes what still differs.
func (t *table) verify(v Comparison) {
	color, text := green, t.word("no difference")
	switch {
	case v.Error != "":
		color, text = red, Printable(v.Error)
	case !v.Equal():
		color = yellow
		text = fmt.Sprintf("%s %s, %s %s, %s %s", count(v.Differing), t.word("differing"), count(v.Newer), t.word("newer on the remote"),
			count(v.OnlyOnTarget), t.word("only on the remote"))
		if v.Repair {
			text += ", " + t.word("repaired as far as the lane may")
		}
	}
	t.line("    %s %s: %s", t.word("verified"), t.ago(v.Time), t.paint(color, text))
}

// difference writes one kind of known differences, and what helps.
func (t *table) difference(d Difference) {
	t.line("    %s, %s", t.paint(red, d.text(t.opts.Lang)), t.ago(d.Since))
	for _, n := range d.Names {
		t.line("      %s", Printable(n))
	}
	t.line("    %s: %s", t.word("remedy"), t.word(d.Remedy))
}

func (t *table) reason(indent, reason, detail, remedy string) {
	for _, s := range []string{reason, detail} {
		if s != "" {
			t.line("%s%s", indent, Printable(s))
		}
	}
	if remedy != "" {
		t.line("%s%s: %s", indent, t.word("remedy"), Printable(remedy))
	}
}
