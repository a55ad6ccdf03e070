package status

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// shownRecent is how many recent entries of all lanes a table lists.
const shownRecent = 8

// shortestPath is how many columns of a path stay even if the line gets too
// long for the terminal.
const shortestPath = 32

// recent is one line about a path.
type recent struct {
	time   time.Time
	remote string
	path   string
	text   string
	remedy string
}

// collapse keeps the newest of entries that differ in time only, and counts
// them.
func collapse(list []recent) []recent {
	type key struct{ remote, path, text string }
	times := map[key]int{}
	newest := map[key]recent{}
	for _, e := range list {
		k := key{e.remote, e.path, e.text}
		times[k]++
		if n, ok := newest[k]; !ok || e.time.After(n.time) {
			newest[k] = e
		}
	}
	out := make([]recent, 0, len(newest))
	for k, e := range newest {
		if times[k] > 1 {
			e.text += fmt.Sprintf(" x%d", times[k])
		}
		out = append(out, e)
	}
	return out
}

func newestFirst(list []recent) []recent {
	slices.SortStableFunc(list, func(a, b recent) int {
		return cmp.Or(b.time.Compare(a.time), cmp.Compare(a.remote, b.remote), cmp.Compare(a.path, b.path))
	})
	return list[:min(len(list), shownRecent)]
}

func (t *table) failures(lanes []Lane) {
	var list []recent
	for _, l := range lanes {
		for _, f := range l.Failures {
			text := Printable(f.Reason)
			if f.Exit >= 0 {
				text += fmt.Sprintf(" (%s %d)", t.word("exit"), f.Exit)
			}
			list = append(list, recent{f.Time, l.Remote, f.Path, text, f.Remedy})
		}
	}
	t.list("recent failures", newestFirst(collapse(list)))
}

func (t *table) transfers(lanes []Lane) {
	var list []recent
	for _, l := range lanes {
		for _, f := range l.Transfers {
			text := fmt.Sprintf("%s, %s, %s", t.word(string(f.Operation)), size(f.Bytes), Span(time.Duration(f.Duration), t.opts.Lang))
			list = append(list, recent{f.Time, l.Remote, cmp.Or(f.Path, "."), text, ""})
		}
	}
	t.list("recent transfers", newestFirst(list))
}

// list writes one line per entry; on a narrow terminal the path gives way.
func (t *table) list(title string, list []recent) {
	if len(list) == 0 {
		return
	}
	t.line("")
	t.line("%s", t.paint(bold, t.word(title)))
	for _, e := range list {
		head := e.time.Format("15:04:05") + "  " + Printable(e.remote)
		path := Printable(e.path)
		if t.opts.Width > 0 {
			path = clip(path, max(shortestPath, t.opts.Width-width(head)-width(e.text)-6))
		}
		if path != "" {
			path += "  "
		}
		t.line("  %s  %s%s", head, path, t.paint(dim, e.text))
		if e.remedy != "" {
			t.line("    %s: %s", t.word("remedy"), Printable(e.remedy))
		}
	}
}

func (t *table) foot(s Snapshot) {
	t.line("")
	for _, n := range s.Notes {
		t.line("%s: %s", t.paint(yellow, t.word("note")), Printable(n.Subject))
		if n.Reason != "" {
			t.line("    %s", Printable(n.Reason))
		}
		if n.Remedy != "" {
			t.line("    %s: %s", t.word("remedy"), Printable(n.Remedy))
		}
	}
	for _, p := range s.Plugins {
		t.line("%s %s  %s %s, %s %d, %s %d, %s %d", t.word("plugin"), t.paint(bold, Printable(p.Name)),
			count(p.Pending), t.word("pending"), t.word("delivered"), p.Delivered,
			t.word("failed attempts"), p.FailedAttempts, t.word("dropped"), p.Dropped)
		if p.LastError != "" && p.LastFailure.After(p.LastSuccess) {
			t.line("    %s", Printable(p.LastError))
		}
	}
	watches := count(s.Watches.Count)
	if s.Watches.Limit > 0 {
		watches += " " + t.word("of") + " " + count(s.Watches.Limit)
	}
	t.line("%s %s, %s %d, %s %d", t.word("watches"), watches,
		t.word("overflows"), s.Watches.Overflows, t.word("uncovered"), s.Watches.Uncovered)
}
