package executor

import (
	"slices"
	"strings"

	"github.com/sersync/sersync/pkg/filterqueue"
)

// Scope is what a mirror run leaves out, as lines for the state file. Entries that only the remote
// had, and that no line matches, are gone after the run. So later the lane may delete, without
// being asked, entries that no line matches, and no others, whatever the configuration says by
// then. A nil Scope is unknown.
type Scope []string

// The kinds of lines, by their first word.
const (
	scopeFilter = "filter "        // an expression of <filter>
	scopeRule   = "rule "          // one of the user's rsync patterns, in order
	scopeOpaque = "parameters "    // parameters whose patterns only rsync can read
	scopeCron   = "crontabfilter " // an rsync pattern that crontab and -r leave out
)

// ScopeOf is the scope of a mirror run under a configuration, without what crontabfilter adds.
// patterns are the user's own in params; opaque says that there are others, which only rsync can
// interpret.
func ScopeOf(expressions, patterns []string, opaque bool, params string) Scope {
	s := Scope{}
	for _, e := range expressions {
		s = append(s, scopeFilter+e)
	}
	for _, line := range patterns {
		s = append(s, scopeRule+line)
	}
	if opaque {
		s = append(s, scopeOpaque+params)
	}
	return s
}

// with adds the patterns of crontabfilter.
func (s Scope) with(excludes []string) Scope {
	out := append(Scope{}, s...)
	for _, e := range excludes {
		out = append(out, scopeCron+e)
	}
	return out
}

// lines returns the lines of one kind, without their first word.
func (s Scope) lines(kind string) (out []string) {
	for _, line := range s {
		if text, ok := strings.CutPrefix(line, kind); ok {
			out = append(out, text)
		}
	}
	return out
}

// widerThan tells whether a mirror run of this scope has left out less than one of the other scope,
// if the two differ in crontabfilter only.
func (s Scope) widerThan(other Scope) bool {
	for _, kind := range []string{scopeFilter, scopeRule, scopeOpaque} {
		if !slices.Equal(s.lines(kind), other.lines(kind)) {
			return false
		}
	}
	left := other.lines(scopeCron)
	return !slices.ContainsFunc(s.lines(scopeCron), func(e string) bool { return !slices.Contains(left, e) })
}

// spares returns a function that tells whether a mirror run of this scope has left out a path that
// the present configuration would not leave out; nil when there is no such path. ok is false when
// that cannot be decided.
func (s Scope) spares(now Scope, matcher matcher) (excluded func(path string, dir bool) bool, ok bool) {
	if s == nil || len(s.lines(scopeOpaque)) > 0 && !slices.Equal(s.lines(scopeOpaque), now.lines(scopeOpaque)) {
		return nil, false
	}
	if slices.Equal(s, now) {
		return nil, true
	}
	filter := filterqueue.CompileTexts(s.lines(scopeFilter))
	rules, cron := matcher(s.lines(scopeRule)), matcher(s.lines(scopeCron))
	return func(path string, dir bool) bool {
		return filter.Excluded(path, dir) || rules(path, dir) || cron(path, dir)
	}, true
}

// matcher is transport.Terms.Matcher.
type matcher func(patterns []string) func(path string, dir bool) bool

// mirror is what a lane knows of the last mirror run that has completed: what that run has left out
// decides what may be deleted without being asked for again.
type mirror struct {
	done   bool
	scope  Scope
	spares func(path string, dir bool) bool // nil: it spares nothing
}

// newMirror makes a mirror of what is known of the last mirror run; now is the lane's present
// scope. A mirror run of unknown scope counts as not done.
func newMirror(done bool, scope, now Scope, matcher matcher) mirror {
	spares, ok := scope.spares(now, matcher)
	if !done || !ok {
		return mirror{}
	}
	return mirror{done: true, scope: scope, spares: spares}
}

// completed is what is known after a mirror run with the patterns of
// crontabfilter has completed.
func (m mirror) completed(now Scope, excludes []string, matcher matcher) mirror {
	run := now.with(excludes)
	if m.done && m.scope.widerThan(run) {
		return m
	}
	return newMirror(true, run, now, matcher)
}

// mayDelete is what may be deleted on the remote without being asked for.
func (d *desk) mayDelete() permission {
	d.mu.Lock()
	defer d.mu.Unlock()
	return permission{all: d.state.mirror.done, spares: d.state.mirror.spares}
}

// but returns a permission that spares further paths.
func (p permission) but(foreign map[string]bool) permission {
	if len(foreign) == 0 {
		return p
	}
	before := p.spares
	p.spares = func(path string, dir bool) bool { return foreign[path] || before != nil && before(path, dir) }
	return p
}
