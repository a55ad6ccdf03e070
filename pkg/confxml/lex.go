package confxml

import "bytes"

// tokenKind is the kind of one token of a configuration file.
type tokenKind uint8

const (
	tokenEOF         tokenKind = iota
	tokenText                  // a run without blanks, or an unquoted value
	tokenQuoted                // "..." or '...', the quotes included
	tokenTagStart              // <
	tokenTagEnd                // </
	tokenDeclaration           // <?
	tokenClose                 // >
	tokenShortClose            // />
	tokenEquals                // =
	tokenComment               // <!-- ... -->, <![CDATA[ ... ]]>, <!DOCTYPE ... >
	tokenOpenComment           // one of those three without its end
)

// token is data[start:end] of the lexer's input.
type token struct {
	kind       tokenKind
	start, end int
}

// lexer cuts a file into tokens. The rules are those of 2.5.4's reader, which
// are looser than XML: a quoted text ends at a "<" and is plain text then, and
// a text ends at a blank, so the notes that people write between the elements
// are just texts.
type lexer struct {
	data []byte
	pos  int // the next byte to read
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// next returns the next token; at the end of the file it is tokenEOF for ever.
func (l *lexer) next() token {
	for l.pos < len(l.data) && isBlank(l.data[l.pos]) {
		l.pos++
	}
	start := l.pos
	if start == len(l.data) {
		return token{tokenEOF, start, start}
	}
	if l.data[start] == '<' {
		for _, s := range [...]struct{ open, end string }{
			{"<!--", "-->"},
			{"<![CDATA[", "]]>"},
			{"<!DOCTYPE", ">"},
		} {
			if bytes.HasPrefix(l.data[start:], []byte(s.open)) {
				return l.skip(start, s.open, s.end)
			}
		}
	}
	switch c := l.data[start]; c {
	case '"', '\'':
		if n := l.quoted(start, c); n > 0 {
			l.pos = start + n
			return token{tokenQuoted, start, l.pos}
		}
	case '=':
		return l.take(tokenEquals, start, 1)
	case '>':
		return l.take(tokenClose, start, 1)
	case '<':
		switch l.peek(start + 1) {
		case '/':
			return l.take(tokenTagEnd, start, 2)
		case '?':
			return l.take(tokenDeclaration, start, 2)
		}
		return l.take(tokenTagStart, start, 1)
	case '/':
		if l.peek(start+1) == '>' {
			return l.take(tokenShortClose, start, 2)
		}
	}
	return l.text(start)
}

func (l *lexer) peek(i int) byte {
	if i < len(l.data) {
		return l.data[i]
	}
	return 0
}

func (l *lexer) take(kind tokenKind, start, n int) token {
	l.pos = start + n
	return token{kind, start, l.pos}
}

// skip reads over a comment, CDATA or DOCTYPE. A comment may contain "--".
func (l *lexer) skip(start int, open, end string) token {
	from := start + len(open)
	n := bytes.Index(l.data[from:], []byte(end))
	if n < 0 {
		return l.take(tokenOpenComment, start, len(open))
	}
	l.pos = from + n + len(end)
	return token{tokenComment, start, l.pos}
}

// quoted returns the length of the quoted text at start, or 0 when a "<" or
// the end of the file comes before the closing quote.
func (l *lexer) quoted(start int, quote byte) int {
	for i := start + 1; i < len(l.data); i++ {
		switch l.data[i] {
		case quote:
			return i + 1 - start
		case '<':
			return 0
		}
	}
	return 0
}

// text reads up to a blank, "<", ">", "=" or "/>". The blank is consumed but
// not part of the token, as in 2.5.4, whose error columns depend on it.
func (l *lexer) text(start int) token {
	i := start + 1
	for ; i < len(l.data); i++ {
		c := l.data[i]
		if isBlank(c) {
			l.pos = i + 1
			return token{tokenText, start, i}
		}
		if c == '<' || c == '>' || c == '=' || c == '/' && l.peek(i+1) == '>' {
			break
		}
	}
	l.pos = i
	return token{tokenText, start, i}
}
