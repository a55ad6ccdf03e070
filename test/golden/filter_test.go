package golden

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// expression matches the filter's expressions in a recorded configuration.
var expression = regexp.MustCompile(`<exclude expression="([^"]*)"`)

// excluded implements the rule of the filter a second time: a path is excluded if one of its forms,
// or a form of a directory above it, matches an expression as a whole. Path and expression are
// compared byte by byte, as in 2.5.4.
func (s *scene) excluded() func(string, bool) bool {
	if !s.r.has(`<filter start="true"`) {
		return func(string, bool) bool { return false }
	}
	filter, _, _ := strings.Cut(string(*s.r.Config), "</filter>")
	var rules []*regexp.Regexp
	for _, m := range expression.FindAllStringSubmatch(filter, -1) {
		if re, err := regexp.Compile(`(?s)^(?:` + latin1(m[1]) + `)$`); err == nil && m[1] != "" {
			rules = append(rules, re)
		}
	}
	match := func(form string) bool {
		return slices.ContainsFunc(rules, func(re *regexp.Regexp) bool { return re.MatchString(latin1(form)) })
	}
	return func(name string, dir bool) bool {
		for p := name; p != "."; p, dir = path.Dir(p), true {
			if match(p) || match("/"+p) || dir && match(p+"/") {
				return true
			}
		}
		return false
	}
}

// latin1 turns each byte into one character.
func latin1(s string) string {
	out := make([]rune, len(s))
	for i := range len(s) {
		out[i] = rune(s[i])
	}
	return string(out)
}
