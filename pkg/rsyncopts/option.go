package rsyncopts

import "strings"

// Option is one option of rsync(1).
type Option struct {
	Name   string // the long name
	Letter byte   // 0: none
	Value  bool   // takes a value
	Use    Use
	File   File
	// Why is what a person is told about an option whose Use is not enough to
	// say it: the cause, then after a semicolon the remedy.
	Why string
}

// Use is what this program does with an option.
type Use uint8

// The uses.
const (
	// Passed: it goes to rsync as it is.
	Passed Use = iota
	// Output: left out, for it changes what rsync prints, which is read here.
	Output
	// Fixed: left out without a loss, because sersync sets it itself in every run.
	Fixed
	// Deletes: left out. <delete> says whether anything is deleted.
	Deletes
	// LeftOut: left out, and what 2.5.4 did with it does not happen: see Why.
	LeftOut
	// Hides: it goes to rsync, and keeps something from arriving that the status
	// does not miss: see Why.
	Hides
	// Moves: it makes rsync remove here what it has sent, and goes to rsync only
	// where that removal reaches nobody else: see Setting.MayMove.
	Moves
	// Impossible: nothing could be synced with it, or too much: see Why.
	Impossible
)

// File tells whether the value is the name of a file of this host.
type File uint8

// The kinds of files.
const (
	NoFile   File = iota
	Patterns      // read by rsync: patterns of what is excluded or included
	Read          // read by rsync
	Written       // written by rsync
)

// byName and byLetter are the table's indexes.
var byName, byLetter = index()

func index() (map[string]*Option, map[byte]*Option) {
	names, letters := map[string]*Option{}, map[byte]*Option{}
	for i := range table {
		o := &table[i]
		names[o.Name] = o
		if o.Letter != 0 {
			letters[o.Letter] = o
		}
	}
	for alias, name := range aliases {
		names[alias] = names[name]
	}
	return names, letters
}

// Lookup returns the option of a long name, nil if rsync has none. off says that
// the name is its negation, as --no-perms or --no-p.
func Lookup(name string) (o *Option, off bool) {
	if o := byName[name]; o != nil {
		return o, false
	}
	rest, no := strings.CutPrefix(name, "no-")
	if !no || !negatable[rest] {
		return nil, false
	}
	if len(rest) == 1 {
		return byLetter[rest[0]], true
	}
	return byName[rest], true
}

// Letter returns the option of a letter, nil if rsync has none.
func Letter(c byte) *Option { return byLetter[c] }
