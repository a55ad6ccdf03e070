package dirty

import (
	"fmt"
	"testing"
	"time"
)

// step is one change of a set.
type step func(d *Set, now time.Time)

func leaves(path string) step {
	return func(d *Set, now time.Time) { d.Mark(path, Tree|Gone, now) }
}

func comes(path, from string) step {
	return func(d *Set, now time.Time) { d.Moves().Mark(path, from, Tree|Content, now) }
}

func dirties(path string, f Flags) step {
	return func(d *Set, now time.Time) { d.Mark(path, f, now) }
}

// moves marks both halves of a move.
func moves(from, to string) step {
	return func(d *Set, now time.Time) { leaves(from)(d, now); comes(to, from)(d, now) }
}

// settles takes everything that is dirty and reports it as done.
func settles(d *Set, now time.Time) {
	for _, it := range d.Take(now, 100) {
		d.Done(it)
	}
}

// flies takes everything that is dirty and returns nothing.
func flies(d *Set, now time.Time) { d.Take(now, 100) }

// looksOnce takes everything that is dirty and returns it for a second look.
func looksOnce(d *Set, now time.Time) {
	for _, it := range d.Take(now, 100) {
		it.Looked = true
		d.Return(it, time.Time{})
	}
}

func TestWhereThingsStoodBefore(t *testing.T) {
	for name, c := range map[string]struct {
		steps []step
		want  string // "PATH from FROM"; empty: no origin is known
	}{
		"a move":                            {[]step{moves("a", "b")}, "b from a"},
		"into another directory":            {[]step{moves("a/x", "b/x")}, "b/x from a/x"},
		"moved once more":                   {[]step{moves("a", "b"), moves("b", "c")}, "c from a"},
		"moved once more, after it arrived": {[]step{moves("a", "b"), settles, moves("b", "c")}, "c from b"},
		"moved once more, in flight":        {[]step{moves("a", "b"), flies, moves("b", "c")}, ""},
		"there and back":                    {[]step{moves("a", "b"), moves("b", "a")}, ""},
		"exchanged":                         {[]step{leaves("a"), comes("b", "a"), leaves("b"), comes("a", "b")}, ""},
		"its old place was looked at":       {[]step{leaves("a"), looksOnce, comes("b", "a")}, "b from a"},
		"its old place was dirty":           {[]step{dirties("a", Tree), moves("a", "b")}, ""},
		"something in it was dirty":         {[]step{dirties("a/f", Content), moves("a", "b")}, ""},
		"something in it was in flight":     {[]step{dirties("a/f", Content), flies, moves("a", "b")}, ""},
		"a tree above was dirty":            {[]step{dirties("p", Tree), moves("p/a", "b")}, ""},
		"a tree above was in flight":        {[]step{dirties("p", Tree), flies, moves("p/a", "b")}, ""},
		"a directory above was dirty":       {[]step{dirties("p", 0), moves("p/a", "b")}, "b from p/a"},
		"its old place is another's":        {[]step{moves("a", "b"), dirties("a", Tree)}, ""},
		"its old place is gone with more":   {[]step{moves("p/a", "b"), dirties("p", Tree|Gone)}, ""},
		"something was written there":       {[]step{moves("a", "b"), dirties("a/f", Content)}, ""},
		"it was written to":                 {[]step{moves("a", "b"), dirties("b/f", Content)}, "b from a"},
		"another directory came":            {[]step{moves("a", "b"), dirties("b", Tree)}, ""},
		"it is gone":                        {[]step{moves("a", "b"), dirties("b", Tree|Gone)}, ""},
		"below a new directory":             {[]step{dirties("n", Tree), moves("a", "n/a")}, ""},
		"into itself, as it seems":          {[]step{leaves("a"), comes("a/b", "a")}, ""},
		"nothing has left":                  {[]step{comes("b", "a")}, ""},
	} {
		now := time.Unix(1000, 0)
		d := New(now, Limits{})
		for i, do := range c.steps {
			do(d, now.Add(time.Duration(i)*time.Second))
		}
		got := ""
		for _, it := range d.Take(now.Add(time.Minute), 100) {
			if it.From != "" {
				got += fmt.Sprintf("%s from %s", it.Path, it.From)
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A path that was moved twice is dirty since the first move: a change at the place between the
// moves has come along.
func TestAgeOfWhatWasMovedOnceMore(t *testing.T) {
	now := time.Unix(1000, 0)
	d := New(now, Limits{})
	moves("a", "b")(d, now)
	moves("b", "c")(d, now.Add(time.Hour))
	for _, it := range d.Take(now.Add(2*time.Hour), 100) {
		if it.Path == "c" && !it.Since.Equal(now) {
			t.Errorf("c is dirty since %v", it.Since)
		}
	}
}

// The old place waits until the new one is done, is given up, or has disappeared.
func TestTheOldPlaceIsAwaited(t *testing.T) {
	now := time.Unix(1000, 0)
	d := New(now, Limits{})
	awaited := func(want bool, when string) {
		t.Helper()
		if d.Moves().Await("p/a", false) != want || d.Moves().Await("p", true) != want || d.Moves().Await("p", false) || d.Moves().Await("p/a/x", true) {
			t.Errorf("%s: want %v", when, want)
		}
	}
	var b Item
	take := func() {
		t.Helper()
		for _, it := range d.Take(now, 100) {
			if it.Path == "b" {
				b = it
			} else {
				d.Return(it, now.Add(time.Hour))
			}
		}
	}
	moves("p/a", "b")(d, now)
	awaited(true, "pending")
	take()
	awaited(true, "in flight")
	d.Return(b, time.Time{})
	awaited(true, "given back")
	if take(); b.From != "p/a" {
		t.Errorf("given back it is from %q", b.From)
	}
	b.From = ""
	d.Return(b, time.Time{})
	awaited(false, "given up")
	take()
	d.Done(b)
	if _, delayed := d.NextReady(now); !delayed {
		t.Error("p/a is not put off")
	}
	d.Moves().Hasten("p/a")
	if got := d.Take(now, 100); len(got) != 1 || got[0].Path != "p/a" {
		t.Errorf("ready: %v", got)
	}
}

// Moves beyond the bound are only sent instead of linked, and a move that has become useless makes
// room for another.
func TestMovesAreBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	d := New(now, Limits{})
	for i := range maxOrigins + 10 {
		moves(fmt.Sprint("a/", i), fmt.Sprint("b/", i))(d, now)
	}
	if n := len(d.origins.from); n != maxOrigins || len(d.origins.to) != n {
		t.Errorf("%d are known, %d by their old places", n, len(d.origins.to))
	}
	d.Mark("a", Tree|Gone, now) // the tree takes over the marks below it
	for i := range maxOrigins + 1 {
		moves(fmt.Sprint("c", i), fmt.Sprint("d", i))(d, now)
	}
	if last := fmt.Sprint("d", maxOrigins); d.origins.from[last] == "" {
		t.Errorf("no room was made: %d are known", len(d.origins.from))
	}
}
