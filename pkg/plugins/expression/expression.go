// Package expression matches paths against the Perl expressions that plugin
// elements hold (2.5.4: Boost.Regex in Perl syntax). Look-around,
// back-references and possessive groups work; expression and subject are
// bytes, each byte one character, and a dot matches a newline too.
//
// File names are strangers' text, so every match has a time limit.
package expression

import (
	"errors"
	"fmt"
	"time"

	"github.com/dlclark/regexp2"
)

// matchTimeout bounds one match. An expression that backtracks without end on
// some name costs this much, not the plugin.
const matchTimeout = 250 * time.Millisecond

// ErrEmpty is for an expression without text.
var ErrEmpty = errors.New("the expression is empty")

// Expression is a compiled expression; safe for concurrent use.
type Expression struct {
	whole  *regexp2.Regexp // anchored at both ends
	search *regexp2.Regexp
}

// Compile checks and compiles text.
func Compile(text string) (*Expression, error) {
	if text == "" {
		return nil, ErrEmpty
	}
	pattern := widen(text)
	search, err := compile(pattern)
	if err != nil {
		return nil, err
	}
	// The newline ends a comment that (?x) may have opened; outside (?x) there
	// is no comment to end.
	whole, err := compile(`\A(?:` + pattern + `)\z`)
	if err != nil {
		whole, err = compile(`\A(?:` + pattern + "\n)\\z")
	}
	if err != nil {
		return nil, err
	}
	return &Expression{whole: whole, search: search}, nil
}

func compile(pattern string) (*regexp2.Regexp, error) {
	// RE2 adds POSIX classes and takes nothing away.
	re, err := regexp2.Compile(pattern, regexp2.Singleline|regexp2.RE2)
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = matchTimeout
	return re, nil
}

// Whole reports whether the whole subject matches.
func (e *Expression) Whole(subject string) (bool, error) {
	ok, err := e.whole.MatchString(widen(subject))
	if err != nil {
		return false, fmt.Errorf("match %q: %w", subject, err)
	}
	return ok, nil
}

// Search finds the first match in the subject and returns its first group (""
// if it has none) and what follows the match. ok is false without a match.
func (e *Expression) Search(subject string) (group, rest string, ok bool, err error) {
	m, err := e.search.FindStringMatch(widen(subject))
	if err != nil {
		return "", "", false, fmt.Errorf("match %q: %w", subject, err)
	}
	if m == nil {
		return "", "", false, nil
	}
	if g := m.GroupByNumber(1); g != nil && len(g.Captures) > 0 {
		group = subject[g.Index : g.Index+g.Length]
	}
	// Positions count characters, which are bytes here.
	return group, subject[m.Index+m.Length:], true, nil
}

// widen maps each byte to the character of the same number.
func widen(s string) string {
	ascii := true
	for i := range len(s) {
		if s[i] >= 0x80 {
			ascii = false
			break
		}
	}
	if ascii {
		return s
	}
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}
