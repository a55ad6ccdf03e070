package filterqueue

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/dlclark/regexp2"
	"github.com/dlclark/regexp2/syntax"

	"github.com/sersync/sersync/pkg/confxml"
)

const (
	// firstBudget and secondBudget bound one match. The engine can only be bounded by wall-clock
	// time, which also passes while the machine is suspended or busy and the match makes no
	// progress: hence a second, longer try.
	firstBudget  = 100 * time.Millisecond
	secondBudget = time.Second
	// maxTimeouts is after how many failed second tries an expression gets no second try any more:
	// somebody who chooses file names must not be able to hold up the events.
	maxTimeouts = 10
	// maxVerdicts bounds the cache of directories (some 2 MB).
	maxVerdicts = 16_384
	// maxExpression bounds the length in bytes of an expression.
	maxExpression = 64 << 10
)

// Filter is the compiled <filter>. It is safe for concurrent use. A nil Filter
// excludes nothing.
//
// One rule takes the place of the three code paths of 2.5.4, which matched `name`, `/sub/name` or
// `sub/dir/`: a path is excluded when any of its forms, or of an ancestor's, matches an expression
// from end to end.
type Filter struct {
	rules []*rule
	// OnTimeout, when set, is told once about each expression whose match
	// ran out of time. Set it before the first use.
	OnTimeout func(confxml.Expression)

	mu       sync.Mutex
	verdicts map[string]bool // directory -> excluded, by itself or an ancestor
}

type rule struct {
	source confxml.Expression
	// ownSubject: a negative look-around would match nearly every other form, so the expression is
	// tried only on the form on which 2.5.4 tried it.
	ownSubject bool
	fast       *fast // nil: only the backtracking engine can match it
	first      *regexp2.Regexp
	second     *regexp2.Regexp

	mu       sync.Mutex
	timeouts int
}

// CompileTexts is Compile for expressions of which only the texts are known.
// Those that are no expressions exclude nothing.
func CompileTexts(texts []string) *Filter {
	expressions := make([]confxml.Expression, len(texts))
	for i, text := range texts {
		expressions[i].Text = text
	}
	f, _ := Compile(expressions)
	return f
}

// Problem is an expression that is no regular expression; it is skipped, as
// by 2.5.4.
type Problem struct {
	Expression confxml.Expression
	Reason     string // one line
}

// Cause is the problem on one line.
func (p Problem) Cause() string {
	return fmt.Sprintf("%q is not a regular expression (%s): it is skipped, and what it should exclude is sent", p.Expression.Text, strings.TrimSuffix(p.Reason, "."))
}

// Compile compiles the expressions that can be compiled and reports the
// others. Expressions and paths are bytes: every byte is one character, `.`
// matches all of them, and classes such as \w know ASCII only (2.5.4:
// Boost.Regex, Perl syntax, on char). An empty expression matches nothing.
func Compile(exprs []confxml.Expression) (*Filter, []Problem) {
	f := &Filter{verdicts: make(map[string]bool)}
	var problems []Problem
	for _, e := range exprs {
		if e.Text == "" {
			continue
		}
		r, err := compileRule(e)
		if err != nil {
			problems = append(problems, Problem{Expression: e, Reason: reason(err)})
			continue
		}
		f.rules = append(f.rules, r)
	}
	return f, problems
}

func compileRule(e confxml.Expression) (*rule, error) {
	if len(e.Text) > maxExpression {
		return nil, errors.New("longer than 64 KiB")
	}
	const options = regexp2.Singleline | regexp2.RE2
	text := string(runes(e.Text))
	// It is compiled by itself first: `a)(b` must not become valid by what is put around it.
	if _, err := regexp2.Compile(text, options); err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	r := &rule{source: e, ownSubject: hasNegativeLook(e.Text), fast: compileFast(e.Text)}
	for _, try := range []struct {
		to     **regexp2.Regexp
		budget time.Duration
	}{{&r.first, firstBudget}, {&r.second, secondBudget}} {
		re, err := regexp2.Compile(`\A(?:`+text+`)\z`, options)
		if err != nil { // a comment of (?x) may reach to the end
			re, err = regexp2.Compile(`\A(?:`+text+"\n)\\z", options)
		}
		if err != nil {
			return nil, fmt.Errorf("compile: %w", err)
		}
		re.MatchTimeout = try.budget
		*try.to = re
	}
	return r, nil
}

// reason puts the commonest errors as 2.5.4 puts them.
func reason(err error) string {
	var se *syntax.Error
	if !errors.As(err, &se) {
		return err.Error()
	}
	switch se.Code {
	case syntax.ErrMissingRepeatArgument:
		return `The repeat operator "*" cannot start a regular expression.`
	case syntax.ErrMissingParen, syntax.ErrUnexpectedParen:
		return `Unmatched marking parenthesis ( or \(.`
	case syntax.ErrReversedCharRange, syntax.ErrInvalidCharRange, syntax.ErrUnterminatedBracket:
		return "Invalid character class name, collating name, or character range."
	case syntax.ErrInvalidRepeatSize:
		return "Invalid content of repeat range."
	default:
		return string(se.Code) + "."
	}
}

// hasNegativeLook finds (?! and (?<! outside of classes and escapes.
func hasNegativeLook(expr string) bool {
	class := false
	for i := 0; i < len(expr); i++ {
		switch c := expr[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
			// A closing bracket that comes first stands for itself.
			i += len(expr[i+1:]) - len(strings.TrimPrefix(strings.TrimPrefix(expr[i+1:], "^"), "]"))
		case strings.HasPrefix(expr[i:], "(?!"), strings.HasPrefix(expr[i:], "(?<!"):
			return true
		}
	}
	return false
}

// runes makes one character of every byte.
func runes(s string) []rune {
	out := make([]rune, len(s))
	for i := range len(s) {
		out[i] = rune(s[i])
	}
	return out
}

// On reports whether there is anything to match.
func (f *Filter) On() bool { return f != nil && len(f.rules) > 0 }

// Excluded reports whether path, relative to the watch root, is excluded by
// itself or with an ancestor. The watch root itself never is.
func (f *Filter) Excluded(path string, dir bool) bool {
	if !f.On() || path == "" {
		return false
	}
	if dir {
		return f.excludedDir(path)
	}
	if i := strings.LastIndexByte(path, '/'); i > 0 && f.excludedDir(path[:i]) {
		return true
	}
	return f.matches(path, false)
}

// Excluding is the expression that excludes a path, by itself or with an ancestor.
func (f *Filter) Excluding(path string, dir bool) (confxml.Expression, bool) {
	if !f.On() || path == "" {
		return confxml.Expression{}, false
	}
	for i := range len(path) {
		if path[i] != '/' {
			continue
		}
		if r := f.matching(path[:i], true); r != nil {
			return r.source, true
		}
	}
	if r := f.matching(path, dir); r != nil {
		return r.source, true
	}
	return confxml.Expression{}, false
}

// excludedDir tells whether a directory or one of its ancestors is excluded, from the cache where
// possible.
func (f *Filter) excludedDir(path string) bool {
	f.mu.Lock()
	verdict, known := f.verdicts[path]
	f.mu.Unlock()
	if known {
		return verdict
	}
	i := strings.LastIndexByte(path, '/')
	verdict = i > 0 && f.excludedDir(path[:i]) || f.matches(path, true)
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.verdicts) >= maxVerdicts {
		clear(f.verdicts) // directories in use are cached again at once
	}
	f.verdicts[strings.Clone(path)] = verdict
	return verdict
}

func (f *Filter) matches(path string, dir bool) bool { return f.matching(path, dir) != nil }

// matching is the first rule that matches a form of one path, nil if none does.
func (f *Filter) matching(path string, dir bool) *rule {
	if !dir && f.rejectsFile(path) {
		return nil
	}
	all := "/" + path + "/" // holds all forms
	bare, rooted, slashed := all[1:len(all)-1], all[:len(all)-1], all[1:]
	own := rooted
	switch {
	case dir:
		own = slashed
	case !strings.Contains(path, "/"):
		own = bare
	}
	plain := ascii(path)
	for _, r := range f.rules {
		if r.ownSubject {
			if f.match(r, own, plain) {
				return r
			}
			continue
		}
		if f.match(r, bare, plain) || f.match(r, rooted, plain) || dir && f.match(r, slashed, plain) {
			return r
		}
	}
	return nil
}

// rejectsFile reports that no rule can match a file at path, in the forms path
// and /path: nearly every event ends here, and needs no memory for the forms.
func (f *Filter) rejectsFile(path string) bool {
	for _, r := range f.rules {
		if r.fast == nil || !r.fast.rejects(path) || !r.fast.rejectsRooted(path) {
			return false
		}
	}
	return true
}

// match tries one rule on one subject, which is plain when it is all ASCII.
func (f *Filter) match(r *rule, subject string, plain bool) bool {
	if r.fast != nil {
		if r.fast.rejects(subject) {
			return false
		}
		if plain {
			return r.fast.re.MatchString(subject)
		}
	}
	return f.matchSlow(r, runes(subject))
}

// matchSlow tries one rule by backtracking. A match that runs out of time counts as a match.
// Otherwise somebody could choose a name that takes the expression too long, and so get a path
// published, or deleted on the target, that the filter is meant to exclude.
func (f *Filter) matchSlow(r *rule, subject []rune) bool {
	ok, err := r.first.MatchRunes(subject)
	if err == nil {
		return ok
	}
	r.mu.Lock()
	tired := r.timeouts >= maxTimeouts
	r.mu.Unlock()
	if !tired {
		if ok, err = r.second.MatchRunes(subject); err == nil {
			return ok
		}
	}
	r.mu.Lock()
	r.timeouts++
	report := r.timeouts == 1
	r.mu.Unlock()
	if report && f.OnTimeout != nil {
		f.OnTimeout(r.source)
	}
	return true
}

// TempName reports whether 2.5.4 drops events of a file of that name: editors'
// backup files, vim's probe, and names that begin with a dot. Directories are
// never temporary.
func TempName(name string) bool {
	return strings.HasPrefix(name, ".") || editorName(name)
}

// editorName is the part of TempName that DotFiles does not change.
func editorName(name string) bool {
	return name == "4913" || strings.HasSuffix(name, "~")
}
