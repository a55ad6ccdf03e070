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

// UnescapeLine reverses EscapeLine.
func UnescapeLine(line string) string {
	if !strings.Contains(line, `\`) {
		return line
	}
	var b strings.Builder
	b.Grow(len(line))
	for i := 0; i < len(line); i++ {
		c := line[i]
		if c == '\\' && i+1 < len(line) {
			i++
			c = line[i]
			if c == 'n' {
				c = '\n'
			}
		}
		b.WriteByte(c)
	}
	return b.String()
}
