package confxml

import (
	"strings"

	"github.com/beevik/etree"
)

// leave ends the tag: its content follows, or nothing when it closed itself.
func (p *parser) leave(closed bool) {
	p.inTag = false
	p.textStart = p.lex.pos
	if closed {
		p.pop()
	}
}

// insideTag handles a token between "<name" and ">".
func (p *parser) insideTag(tok token) fault {
	end := tok.kind == tokenClose || tok.kind == tokenShortClose
	switch {
	case p.state == wantName && tok.kind == tokenText:
		p.pending, p.state = tok, wantEquals
	case p.state == wantName && end:
		p.leave(tok.kind == tokenShortClose)
	case p.state == wantEquals && tok.kind == tokenText:
		p.pending = tok // the one before had no value: it counts as absent
	case p.state == wantEquals && end:
		closed := tok.kind == tokenShortClose
		name := p.lex.data[p.pending.start:p.pending.end]
		if p.top().declaration && strings.HasSuffix(string(name), declarationSuffix) && len(p.stack) > 2 {
			closed = true
		}
		p.leave(closed)
	case p.state == wantEquals && tok.kind == tokenEquals:
		p.state = wantValue
	case p.state == wantValue && (tok.kind == tokenText || tok.kind == tokenQuoted):
		p.state = wantName
		return p.value(tok)
	default:
		return fault{faultToken, p.lex.pos}
	}
	return fault{}
}

// value stores the pending attribute. The first of a name wins.
func (p *parser) value(tok token) fault {
	raw := string(p.lex.data[tok.start:tok.end])
	if p.top().declaration {
		raw = strings.TrimSuffix(raw, declarationSuffix)
	}
	if tok.kind == tokenQuoted {
		raw = raw[1 : len(raw)-1]
	}
	text, why := decode(raw)
	if why != "" {
		return fault{why, p.lex.pos}
	}
	el := p.top().el
	name := lower(string(p.lex.data[p.pending.start:p.pending.end]))
	seen := p.attrs[el]
	if seen == nil {
		seen = map[string]int{}
		p.attrs[el] = seen
	}
	if _, ok := seen[name]; ok {
		return fault{}
	}
	seen[name] = p.pending.start
	el.Attr = append(el.Attr, etree.Attr{Key: name, Value: text})
	return fault{}
}
