package status

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// LaneID is the stable key of a lane: the watch root, "#" and the destination,
// with every byte that is not plainly printable, and "%" and "#" themselves,
// written as %XX. It is one line of valid UTF-8 whatever the names hold.
func LaneID(root, remote string) string {
	var b strings.Builder
	escapeID(&b, root)
	b.WriteByte('#')
	escapeID(&b, remote)
	return b.String()
}

func escapeID(b *strings.Builder, s string) {
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		if (r == utf8.RuneError && n == 1) || !unicode.IsGraphic(r) || unicode.IsSpace(r) || r == '%' || r == '#' {
			for i := range n {
				fmt.Fprintf(b, "%%%02X", s[i])
			}
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
}

// Printable makes a name safe on a terminal and in a line of text: control,
// format and other unprintable characters, and bytes that are not UTF-8, become
// escapes as in a Go string (\n, \x1b, \u202e), a backslash is doubled. Two
// different names never give the same text.
func Printable(s string) string {
	if plain(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case r == '\\':
			b.WriteString(`\\`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case unicode.IsPrint(r):
			b.WriteString(s[:n])
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		s = s[n:]
	}
	return b.String()
}

func plain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e || s[i] == '\\' {
			return false
		}
	}
	return true
}
