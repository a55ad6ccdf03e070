package runcommand

import (
	"errors"
	"fmt"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"
)

const shellRemedy = "nothing is executed by a shell here; put the line into a script and name the script"

// Split splits text into words: quotes, backslashes, $VAR, ${VAR}, ~ and {a,b} work.
// Everything that a shell would execute or open is an error.
func Split(text string, env func(string) string) ([]string, error) {
	if strings.ContainsRune(text, 0) {
		return nil, errors.New("contains a NUL byte, which no argument can hold")
	}
	var parsed []*syntax.Word
	// The parser wants UTF-8; bytes become the characters of the same number.
	for w, err := range syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).WordsSeq(strings.NewReader(widen(text))) {
		if err != nil {
			return nil, fmt.Errorf("%w; %s", err, shellRemedy)
		}
		if err := harmless(w); err != nil {
			return nil, err
		}
		parsed = append(parsed, w)
	}
	wide := func(name string) string { return widen(env(narrow(name))) }
	fields, err := expand.Fields(&expand.Config{Env: expand.FuncEnviron(wide)}, parsed...)
	if err != nil {
		return nil, err
	}
	for i := range fields {
		fields[i] = narrow(fields[i])
	}
	return fields, nil
}

// harmless refuses everything in a word but text, quotes and plain variables.
func harmless(w *syntax.Word) error {
	var bad error
	syntax.Walk(w, func(node syntax.Node) bool {
		switch n := node.(type) {
		case nil, *syntax.Word, *syntax.Lit, *syntax.SglQuoted, *syntax.DblQuoted:
		case *syntax.ParamExp:
			if !plain(n) {
				bad = fmt.Errorf("only $NAME and ${NAME} are understood; %s", shellRemedy)
			}
		default:
			bad = fmt.Errorf("a command substitution or an expression; %s", shellRemedy)
		}
		return bad == nil
	})
	return bad
}

// plain reports whether p is $NAME or ${NAME} and no more.
func plain(p *syntax.ParamExp) bool {
	return p.Param != nil && !p.Excl && !p.Length && !p.Width && !p.IsSet && p.Flags == nil &&
		p.NestedParam == nil && p.Index == nil && len(p.Modifiers) == 0 &&
		p.Slice == nil && p.Repl == nil && p.Names == 0 && p.Exp == nil
}

func widen(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// narrow reverses widen. Characters above 255 cannot come from it.
func narrow(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}
