package cli

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// synonyms are words that people type for an option which has another name.
var synonyms = map[string]string{
	"conf": "-o FILE", "config": "-o FILE", "daemon": "-d", "threads": "-n NUM", "plugin": "-m PLUGIN",
	"list": "--status", "show": "--status", "tail": "--log",
	"kill": "--stop", "sync": "--resync", "find": "--where", "queue": "--pending", "waiting": "--pending",
}

// minAbbreviation is the least number of letters with which the beginning of an option counts as
// that option.
const minAbbreviation = 3

// meant is the option that somebody probably meant who typed name as a long option, in the form in
// which it has to be typed; empty when no option is similar.
func (p *parser) meant(name string) string {
	name, _, _ = strings.Cut(strings.ToLower(name), "=")
	if option, ok := synonyms[name]; ok {
		return option
	}
	best, least := "", len(name)
	p.flags().VisitAll(func(f *pflag.Flag) {
		if f.Shorthand != "" {
			return
		}
		d := distance(name, f.Name)
		if len(name) >= minAbbreviation && strings.HasPrefix(f.Name, name) {
			d = min(d, 1)
		}
		if d < least && d <= tolerance(f.Name) {
			best, least = "--"+f.Name, d
		}
	})
	return best
}

// tolerance is how many typing errors a name may hold: two in a long one.
func tolerance(name string) int {
	if len(name) < 5 {
		return 1
	}
	return 2
}

// hint is the end of an error message that names the option that was meant.
func hint(option string) string {
	if option == "" {
		return ""
	}
	return "; did you mean '" + option + "'?"
}

// meantByCluster is like meant, for a long option that was typed with one dash: getopt has refused
// its letters from rest on.
func (p *parser) meantByCluster(argv []string, rest string) string {
	for _, arg := range argv {
		name, dash := strings.CutPrefix(arg, "-")
		if dash && len(name) > minAbbreviation-1 && !strings.HasPrefix(name, "-") && strings.HasSuffix(name, rest) {
			return p.meant(name)
		}
	}
	return ""
}

// command is the option that a word without a dash names, as in "sersync
// status"; empty for a word that 2.5.4 would have ignored.
func (p *parser) command(word string) string {
	option := p.meant(word)
	if name, long := strings.CutPrefix(option, "--"); long && !slices.Contains(modifiers, name) {
		return option
	}
	return ""
}

// modifiers are the long options that only change what another option does.
var modifiers = []string{"all", "connect", "follow", "json", "pid-file"}

// distance is how many letters have to be put in, taken out, replaced or
// swapped with their neighbour to make b of a.
func distance(a, b string) int {
	var before []int // the row before the last one
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(replace, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
