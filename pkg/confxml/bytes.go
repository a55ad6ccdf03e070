package confxml

import "strings"

// lower folds ASCII letters only: element and attribute names are compared
// without regard to case, and every other byte is itself.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// decode replaces entities and character references. A reference stands for
// one byte, as in 2.5.4: above 255 is an error, and 0 ends the text. why is
// the wording of the error, empty if there is none.
func decode(s string) (text, why string) {
	if !strings.Contains(s, "&") {
		return s, ""
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '&' {
			b.WriteByte(s[i])
			i++
			continue
		}
		c, n, why := reference(s[i:])
		if why != "" {
			return "", why
		}
		if c == 0 {
			break
		}
		b.WriteByte(c)
		i += n
	}
	return b.String(), ""
}

// reference reads the entity at the start of s and returns its byte and its
// length.
func reference(s string) (c byte, n int, why string) {
	if !strings.HasPrefix(s, "&#") {
		for _, e := range [...]struct {
			name string
			char byte
		}{{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}} {
			if len(s) >= len(e.name) && lower(s[:len(e.name)]) == e.name {
				return e.char, len(e.name), ""
			}
		}
		return 0, 0, faultEntity
	}
	i, base := 2, 10
	if len(s) > 2 && (s[2] == 'x' || s[2] == 'X') {
		i, base = 3, 16
	}
	code := 0
	for ; i < len(s) && s[i] != ';'; i++ {
		d := digit(s[i])
		if d >= base {
			return 0, 0, faultEntity
		}
		if code = code*base + d; code > 255 {
			code = 256
		}
	}
	if i == len(s) {
		return 0, 0, faultEntity
	}
	if code > 255 {
		return 0, 0, faultCharacter
	}
	return byte(code), i + 1, ""
}

// digit returns the value of a hexadecimal digit, 16 for anything else.
func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return 16
}

// atoi is C's atoi: leading blanks, a sign, digits; whatever follows is
// ignored, text is 0, and the result is held within 32 bits.
func atoi(s string) int {
	const limit = 1<<31 - 1
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	n := 0
	for i := 0; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		if n = n*10 + int(s[i]-'0'); n > limit {
			n = limit
		}
	}
	if negative {
		return -n
	}
	return n
}
