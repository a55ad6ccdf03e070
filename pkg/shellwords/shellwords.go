// Package shellwords reads what 2.5.4 pasted into a shell line: quotes,
// backslashes and $VAR work as they did there, and nothing is ever executed.
package shellwords

import (
	"errors"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/shell"
	"mvdan.cc/sh/v3/syntax"
)

// special are the bytes that mean something else than themselves to a shell
// inside of a word.
const special = "$'\"\\`"

// Split splits a text into words; env gives the variables. Substitutions of
// commands, redirections and separators of commands are errors.
func Split(text string, env func(string) string) (words []string, err error) {
	defer func() {
		// The splitter panics on process substitution.
		if recover() != nil {
			words, err = nil, errors.New("unexpected shell syntax")
		}
	}()
	if strings.ContainsRune(text, 0) {
		return nil, errors.New("a NUL byte")
	}
	// The splitter insists on UTF-8: bytes become the characters of the same
	// number, and characters become bytes again.
	words, err = shell.Fields(widen(text), func(name string) string {
		if name == "IFS" || name == "PWD" && !strings.Contains(text, name) {
			return "" // a variable that the splitter itself asks for, and not the text
		}
		return widen(env(narrow(name)))
	})
	for i := range words {
		words[i] = narrow(words[i])
	}
	return words, err
}

// Value reads a text that is a part of one word, such as a host. A text in which nothing is special
// to a shell stays as it is, blanks included: 2.5.4 could not use a value with blanks, so nobody
// relies on their ending it. A text with an unmatched quote, as in a directory called "c's", stays
// as it is, too.
func Value(text string, env func(string) string) (string, error) {
	if !strings.ContainsAny(text, special) {
		return text, nil
	}
	const before = "x" // a value is never the beginning of a word, where ~ is a home directory
	words, err := Split(before+text, env)
	if syntax.IsIncomplete(err) && strings.ContainsAny(text, `'"`) {
		return text, nil
	}
	if err != nil {
		return text, err
	}
	return strings.TrimPrefix(strings.Join(words, " "), before), nil
}

func widen(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

func narrow(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r == utf8.RuneError {
			r = '?'
		}
		b = append(b, byte(r))
	}
	return string(b)
}
