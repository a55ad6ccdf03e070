package plugins

import "strings"

// EscapeLine makes a path fit on one line: a backslash becomes \\ and a
// newline \n. All other bytes stay.
func EscapeLine(path string) string {
	if !strings.ContainsAny(path, "\\\n") {
		return path
	}
	var b strings.Builder
	b.Grow(len(path) + 8)
	for i := range len(path) {
		switch path[i] {
		case '\\':
			b.WriteString(`\\`)
		case '\n':
			b.WriteString(`\n`)
		default:
			b.WriteByte(path[i])
		}
	}
	return b.String()
}
