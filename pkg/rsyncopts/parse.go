package rsyncopts

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Given is one option as it stands in the parameters.
type Given struct {
	// Option is nil for a name or a letter that rsync does not know, and for a long
	// name behind one dash.
	Option *Option
	// Text is the option as written, without its value: --exclude, or -n for a
	// letter that stands in a cluster.
	Text string
	// Off says that it is a negation: --no-perms.
	Off   bool
	Value string
	// Words are the words of a long option as they were given; nil for a letter.
	Words []string
	// Letter is that of a short option, 0 for a long one. Cluster counts the words
	// of letters: those of one word have the same.
	Letter  byte
	Cluster int
}

// Is tells whether the option has this long name, and is not negated.
func (g Given) Is(name string) bool { return g.Option != nil && g.Option.Name == name && !g.Off }

// Parse takes the words of the parameters apart. Its errors are words with which
// rsync could not be run at all: a value that is missing, or a word that is no
// option and that rsync would take for a source or a target.
func Parse(words []string) ([]Given, error) {
	var all []Given
	for i := 0; i < len(words); i++ {
		w := words[i]
		var more []Given
		var used int
		var err error
		switch {
		case w == "--":
			err = fmt.Errorf("\"--\" ends the options, and sersync adds further ones; remove it")
		case strings.HasPrefix(w, "--"):
			more, used, err = long(words[i:])
		case strings.HasPrefix(w, "-") && len(w) > 1:
			more, used, err = cluster(words[i:], i)
		default:
			err = notAnOption(w)
		}
		if err != nil {
			return nil, err
		}
		all, i = append(all, more...), i+used
	}
	return all, nil
}

func notAnOption(w string) error {
	r, _ := utf8.DecodeRuneInString(w)
	if strings.ContainsRune("‐‑‒–—―−－", r) {
		return fmt.Errorf("%q begins with a dash of typography; write the minus sign of the keyboard, -", w)
	}
	if strings.ContainsRune("“”„‟‘’‚‛«»＂＇", r) {
		return fmt.Errorf("%q begins with a typographic quotation mark; write a plain one", w)
	}
	return fmt.Errorf("%q is not an option, and source and target are set by the localpath and its remotes; remove it", w)
}

func long(words []string) (all []Given, used int, err error) {
	name, value, hasValue := strings.Cut(words[0][2:], "=")
	o, off := Lookup(name)
	raw := words[:1]
	if o != nil && o.Value && !off && !hasValue {
		if len(words) < 2 {
			return nil, 0, fmt.Errorf("--%s needs a value; write --%s=VALUE", name, name)
		}
		value, raw, used = words[1], words[:2], 1
	}
	g := Given{Option: o, Text: "--" + name, Off: off, Value: value, Words: raw}
	if value == "-" && o != nil && (o.File == Patterns || o.Name == "password-file") {
		return nil, 0, fmt.Errorf("--%s=- reads standard input, where the names are; write a file's name", name)
	}
	return []Given{g}, used, nil
}

func cluster(words []string, number int) (all []Given, used int, err error) {
	letters := words[0][1:]
	if name := oneDash(letters); name != "" {
		return []Given{{Text: "-" + name, Words: words[:1]}}, 0, nil
	}
	for i := 0; i < len(letters); i++ {
		c := letters[i]
		g := Given{Option: byLetter[c], Text: "-" + string([]byte{c}), Letter: c, Cluster: number}
		if g.Option == nil || !g.Option.Value {
			all = append(all, g)
			continue
		}
		if g.Value = letters[i+1:]; g.Value == "" {
			if len(words) < 2 {
				return nil, 0, fmt.Errorf("-%c needs a value; write it as the next word", c)
			}
			g.Value, used = words[1], 1
		}
		return append(all, g), used, nil
	}
	return all, 0, nil
}

// oneDash returns the name of a long option that was written with one dash, as in
// -delete: rsync takes that for -d and for -e with the remote shell "lete". Names
// that are a cluster of letters without a value are left alone.
func oneDash(letters string) string {
	const least = 4
	name, _, _ := strings.Cut(letters, "=")
	if o, _ := Lookup(name); o == nil || len(name) < least {
		return ""
	}
	for i := range len(name) {
		if o := byLetter[name[i]]; o == nil || o.Value {
			return name
		}
	}
	return ""
}
