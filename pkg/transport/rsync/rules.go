package rsync

import (
	"bufio"
	"bytes"
	"os"
	"strings"

	"github.com/sersync/sersync/pkg/safefile"
)

// Rules are the user's exclude and include patterns, in the order given.
//
// rsync applies them to a name on a list and to what it finds below, but not to the directories
// above a listed name: --exclude=/a/ does not stop a listed a/x. Excludes does so for listed paths.
type Rules struct {
	list []rule
	// Opaque says that some rules cannot be evaluated here (merge files,
	// per-directory rules, -C).
	Opaque bool
}

type rule struct {
	pattern  string
	include  bool
	anchored bool
	dirOnly  bool
	path     bool // matches against the whole path, not only the last name
	source   Pattern
}

// Pattern is one pattern where it was written.
type Pattern struct {
	Text string
	File string // a file that an option names; empty: the parameters themselves
	Line int    // in File
}

func (r *Rules) add(option, value string) {
	switch option {
	case "exclude":
		r.pattern(Pattern{Text: value}, false)
	case "include":
		r.pattern(Pattern{Text: value}, true)
	case "exclude-from", "include-from":
		r.file(value, option == "include-from")
	case "filter":
		r.filter(value)
	default:
		r.Opaque = true
	}
}

// pattern adds one pattern; a leading "+ " or "- " overrides the option's own
// meaning (rsync(1), FILTER RULES).
func (r *Rules) pattern(source Pattern, include bool) {
	text := source.Text
	if rest, ok := strings.CutPrefix(text, "+ "); ok {
		text, include = rest, true
	} else if rest, ok := strings.CutPrefix(text, "- "); ok {
		text, include = rest, false
	}
	if text == "" || text == "!" {
		if text == "!" {
			r.list = nil
		}
		return
	}
	ru := rule{pattern: text, include: include, source: source}
	if name, ok := strings.CutSuffix(ru.pattern, "/"); ok {
		ru.dirOnly, ru.pattern = true, name
	}
	if strings.HasPrefix(ru.pattern, "/") {
		ru.anchored, ru.path, ru.pattern = true, true, ru.pattern[1:]
	}
	if strings.Contains(ru.pattern, "/") || strings.Contains(ru.pattern, "**") {
		ru.path = true
	}
	r.list = append(r.list, ru)
}

// maxPatternFile is how much of a pattern file is read, in bytes.
const maxPatternFile = 16 << 20

func (r *Rules) file(name string, include bool) {
	if name == os.DevNull {
		return
	}
	data, _, err := safefile.ReadInput(name, maxPatternFile)
	if err != nil {
		r.Opaque = true // rsync itself will report that it cannot read the file
		return
	}
	n := 0
	for sc := bufio.NewScanner(bytes.NewReader(data)); sc.Scan(); {
		n++
		if line := sc.Text(); line != "" && line[0] != '#' && line[0] != ';' {
			r.pattern(Pattern{line, name, n}, include)
		}
	}
}

func (r *Rules) filter(text string) {
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "-", "exclude", "H", "hide":
		r.pattern(Pattern{Text: rest}, false)
	case "+", "include", "S", "show":
		r.pattern(Pattern{Text: rest}, true)
	default:
		r.Opaque = true
	}
}

// Lines returns the rules as filter rules of rsync(1), one line each, which RulesOf reads. Opaque
// rules have no line.
func (r Rules) Lines() []string {
	out := make([]string, 0, len(r.list))
	for _, ru := range r.list {
		sign, pattern := "- ", ru.pattern
		if ru.include {
			sign = "+ "
		}
		if ru.anchored {
			pattern = "/" + pattern
		}
		if ru.dirOnly {
			pattern += "/"
		}
		out = append(out, sign+pattern)
	}
	return out
}

// RulesOf makes rules of the lines of Lines, or of patterns to exclude.
func RulesOf(lines []string) (r Rules) {
	for _, line := range lines {
		r.pattern(Pattern{Text: line}, false)
	}
	return r
}

// Any tells whether there are any rules.
func (r Rules) Any() bool { return r.Opaque || len(r.list) > 0 }

// Excludes tells whether the path, or a directory above it, is excluded by the
// user's own patterns.
func (r Rules) Excludes(path string, dir bool) bool {
	_, excluded := r.Excluding(path, dir)
	return excluded
}

// Excluding is the pattern that excludes the path, or a directory above it.
func (r Rules) Excluding(path string, dir bool) (Pattern, bool) {
	if len(r.list) == 0 || path == "" {
		return Pattern{}, false
	}
	for i := 0; i < len(path); i++ {
		if path[i] != '/' {
			continue
		}
		if ru := r.verdict(path[:i], true); ru != nil {
			return ru.source, true
		}
	}
	if ru := r.verdict(path, dir); ru != nil {
		return ru.source, true
	}
	return Pattern{}, false
}

// verdict is the rule that excludes a path itself; nil: none does.
func (r Rules) verdict(path string, dir bool) *rule {
	for i := range r.list {
		if ru := &r.list[i]; ru.matches(path, dir) {
			if ru.include {
				return nil
			}
			return ru
		}
	}
	return nil
}

func (ru rule) matches(path string, dir bool) bool {
	pattern := ru.pattern
	if base, ok := strings.CutSuffix(pattern, "/***"); ok {
		all := ru
		all.pattern, all.dirOnly = base, false
		if dir && all.matches(path, true) {
			return true
		}
		pattern = base + "/**"
	} else if ru.dirOnly && !dir {
		return false
	}
	if !ru.path {
		path = path[strings.LastIndexByte(path, '/')+1:]
		return wildmatch(pattern, path)
	}
	if ru.anchored {
		return wildmatch(pattern, path)
	}
	for rest := path; ; {
		if wildmatch(pattern, rest) {
			return true
		}
		i := strings.IndexByte(rest, '/')
		if i < 0 {
			return false
		}
		rest = rest[i+1:]
	}
}

// wildmatch is the pattern language of rsync(1): * and ? stop at a slash, **
// does not, [...] is a class, a backslash escapes.
func wildmatch(pattern, text string) bool {
	if !strings.ContainsAny(pattern, "*?[") {
		return pattern == text
	}
	return match(pattern, text)
}

// matcher matches one pattern with one text. failed remembers at which places the rest of the
// pattern after a star was tried in vain, so that patterns with many stars do not take exponential
// time.
type matcher struct {
	pattern, text string
	failed        []uint64 // bits; nil until a second star is met
	stars         int
}

func match(pattern, text string) bool {
	m := matcher{pattern: pattern, text: text}
	return m.match(0, 0)
}

func (m *matcher) match(p, t int) bool {
	pattern, text := m.pattern, m.text
	for p < len(pattern) {
		switch pattern[p] {
		case '*':
			return m.star(p, t)
		case '?':
			if t == len(text) || text[t] == '/' {
				return false
			}
			p, t = p+1, t+1
		case '[':
			rest, ok := matchClass(pattern[p:], text[t:])
			if !ok {
				return false
			}
			p, t = len(pattern)-len(rest), t+1
		default:
			if pattern[p] == '\\' {
				if p++; p == len(pattern) {
					return false // it escapes nothing
				}
			}
			if t == len(text) || pattern[p] != text[t] {
				return false
			}
			p, t = p+1, t+1
		}
	}
	return t == len(text)
}

func (m *matcher) star(p, t int) bool {
	rest := p
	for rest < len(m.pattern) && m.pattern[rest] == '*' {
		rest++
	}
	deep := rest-p > 1
	m.stars++
	if m.stars == 2 {
		m.failed = make([]uint64, (len(m.pattern)+1)*(len(m.text)+1)/64+1)
	}
	for ; ; t++ {
		at := rest*(len(m.text)+1) + t
		if m.failed == nil || m.failed[at/64]&(1<<(at%64)) == 0 {
			if m.match(rest, t) {
				return true
			}
			if m.failed != nil {
				m.failed[at/64] |= 1 << (at % 64)
			}
		}
		if t == len(m.text) || (m.text[t] == '/' && !deep) {
			return false
		}
	}
}

// matchClass matches one bracket expression and returns the pattern behind it.
func matchClass(p, t string) (rest string, ok bool) {
	if t == "" || t[0] == '/' {
		return "", false
	}
	i, negated, hit := 1, false, false
	if i < len(p) && (p[i] == '!' || p[i] == '^') {
		negated, i = true, i+1
	}
	for first := true; i < len(p) && (p[i] != ']' || first); first = false {
		if end := strings.Index(p[i:], ":]"); strings.HasPrefix(p[i:], "[:") && end > 0 {
			hit = hit || inPOSIX(p[i+2:i+end], t[0])
			i += end + 2
			continue
		}
		if p[i] == '\\' && i+1 < len(p) {
			i++
		}
		lo := p[i]
		hi := lo
		if i+2 < len(p) && p[i+1] == '-' && p[i+2] != ']' {
			hi, i = p[i+2], i+2
		}
		hit = hit || (lo <= t[0] && t[0] <= hi)
		i++
	}
	if i >= len(p) {
		return "", false
	}
	return p[i+1:], hit != negated
}

func inPOSIX(class string, c byte) bool {
	upper, lower, digit := c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9'
	switch class {
	case "alpha":
		return upper || lower
	case "upper":
		return upper
	case "lower":
		return lower
	case "digit":
		return digit
	case "alnum":
		return upper || lower || digit
	case "xdigit":
		return digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')
	case "space":
		return c == ' ' || (c >= '\t' && c <= '\r')
	case "blank":
		return c == ' ' || c == '\t'
	case "punct":
		return c > ' ' && c < 0x7f && !upper && !lower && !digit
	case "cntrl":
		return c < ' ' || c == 0x7f
	case "graph":
		return c > ' ' && c < 0x7f
	case "print":
		return c >= ' ' && c < 0x7f
	default:
		return false
	}
}
