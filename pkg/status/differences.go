package status

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// DifferenceKind says why a remote differs from its watch root although no
// change is on its way.
type DifferenceKind string

// The kinds of known differences.
const (
	Extras    DifferenceKind = "extras"    // entries that only the remote has, and that nothing on its way deletes
	Newer     DifferenceKind = "newer"     // files that -u leaves alone because they are newer on the remote
	Differing DifferenceKind = "differing" // paths that a comparison has found to differ
)

// DifferenceKinds are all kinds, in the order in which they are shown.
func DifferenceKinds() []DifferenceKind { return []DifferenceKind{Extras, Newer, Differing} }

// Remedy is what a person can do about differences of this kind.
func (k DifferenceKind) Remedy() string {
	switch k {
	case Extras:
		return "sersync --resync LANE deletes them on the remote; move away first what another source has put there"
	case Newer:
		return "touch the files here to have them sent, or copy those of the remote to here"
	default:
		return "sersync --resync LANE sends them again"
	}
}

// Difference is one kind of known difference between a watch root and its
// remote. It stays until a person acts, or until a later run settles it.
type Difference struct {
	Kind   DifferenceKind `json:"kind"`
	Count  int            `json:"count"` // never 0
	Since  time.Time      `json:"since"` // since when Count has not been 0
	Remedy string         `json:"remedy"`
	// Names are the first ComparisonNames of the paths, as far as they are known.
	Names []string `json:"names,omitempty"`
}

// Text is the difference in one sentence without path names.
func (d Difference) Text() string {
	one := d.Count == 1
	choose := func(singular, plural string) string {
		if one {
			return singular
		}
		return plural
	}
	switch d.Kind {
	case Extras:
		return fmt.Sprintf("%s %s only on the remote", count(d.Count), choose("entry is", "entries are"))
	case Newer:
		return fmt.Sprintf("%s %s newer on the remote", count(d.Count), choose("file is", "files are"))
	default:
		return fmt.Sprintf("%s %s been found to differ on the remote", count(d.Count), choose("path has", "paths have"))
	}
}

// text is Text in a language.
func (d Difference) text(lang Lang) string {
	if format, ok := wordsIn(lang)["known "+string(d.Kind)]; ok {
		return fmt.Sprintf(format, count(d.Count))
	}
	return d.Text()
}

// Advice is the difference and what helps, in a language.
func (d Difference) Advice(lang Lang) string {
	if lang == Chinese {
		return d.text(lang) + "：" + wordsIn(lang)[d.Kind.Remedy()]
	}
	return d.Text() + ": " + d.Kind.Remedy()
}

// word is one of the fixed words in a language.
func word(lang Lang, english string) string {
	if w, ok := wordsIn(lang)[english]; ok {
		return w
	}
	return english
}

func differencesText(list []Difference, lang Lang) string {
	texts := make([]string, len(list))
	for i, d := range list {
		texts[i] = d.text(lang)
	}
	return strings.Join(texts, ", ")
}

// Text is what the comparison has found, in one sentence without path names.
func (v Comparison) Text(lang Lang) string {
	if v.Equal() {
		return word(lang, "no difference")
	}
	var list []Difference
	counts := map[DifferenceKind]int{Extras: v.OnlyOnTarget, Newer: v.Newer, Differing: v.Differing}
	for _, kind := range DifferenceKinds() {
		if counts[kind] > 0 {
			list = append(list, Difference{Kind: kind, Count: counts[kind]})
		}
	}
	return differencesText(list, lang)
}

// Differences is what a lane knows to differ. The zero value knows of nothing.
// It is safe for concurrent use.
type Differences struct {
	mu    sync.Mutex
	known map[DifferenceKind]Difference
}

// Set says that count paths differ in this way now, and which of them are known
// by name; nobody changes names later. 0 says that none
// does any more. The time since when they differ is that of the first Set in a
// row that was not 0.
func (d *Differences) Set(kind DifferenceKind, count int, names []string, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if count <= 0 {
		delete(d.known, kind)
		return
	}
	since := now
	if before, ok := d.known[kind]; ok {
		since = before.Since
	}
	d.putLocked(Difference{Kind: kind, Count: count, Since: since, Remedy: kind.Remedy(), Names: names})
}

// Restore puts back what Whole has returned, in place of all that is known.
func (d *Differences) Restore(list []Difference) {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.known)
	for _, e := range list {
		if e.Count > 0 && slices.Contains(DifferenceKinds(), e.Kind) {
			e.Remedy = e.Kind.Remedy()
			d.putLocked(e)
		}
	}
}

func (d *Differences) putLocked(e Difference) {
	if d.known == nil {
		d.known = map[DifferenceKind]Difference{}
	}
	d.known[e.Kind] = e
}

// List is what is known to differ, in the order of DifferenceKinds, with the
// first ComparisonNames names. Nobody changes it later.
func (d *Differences) List() []Difference {
	out := d.Whole()
	for i, e := range out {
		out[i].Names = e.Names[:min(ComparisonNames, len(e.Names))]
	}
	return out
}

// Whole is List with all names that are known. A later process needs them: without its name a
// difference cannot be found settled.
func (d *Differences) Whole() []Difference {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []Difference
	for _, kind := range DifferenceKinds() {
		if e, ok := d.known[kind]; ok {
			out = append(out, e)
		}
	}
	return out
}

// Any tells whether anything is known to differ.
func (d *Differences) Any() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.known) > 0
}
