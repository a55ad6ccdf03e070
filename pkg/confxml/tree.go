package confxml

import (
	"strings"

	"github.com/beevik/etree"
)

// maxDepth bounds the nesting of elements. The deepest place of the format is
// five below the root.
const maxDepth = 256

// fault is a reason why the reader gave up: the wording of 2.5.4 and the
// offset at which it noticed. The zero fault is none.
type fault struct {
	text string
	at   int
}

// The wording of 2.5.4's reader, which scripts and people compare.
const (
	faultEmpty       = "Error: No XML data"
	faultNotFound    = "Error: File not found"
	faultNoHead      = "Error: First Tag not found"
	faultUnclosed    = "Warning: Unmatched end tag"
	faultEndTag      = "Error: Unmatched end tag"
	faultTagName     = "Error: Missing start tag name"
	faultEndTagName  = "Error: Missing end tag name"
	faultComment     = "Error: Unmatched clear tag end"
	faultToken       = "Error: Unexpected token found"
	faultEntity      = "Error: Unknown character entity"
	faultCharacter   = "Error: Character code above 255 is forbidden in MultiByte char mode."
	faultDepth       = "Error: Elements nested too deeply"
	faultTooLarge    = "Error: File too large"
	faultNotReadable = "Error: File not readable"
)

const (
	rootName          = "head"
	declarationSuffix = "?" // of <?xml ...?>
)

// frame is one open element. The root frame is the document itself.
type frame struct {
	el          *etree.Element
	declaration bool
}

// attributeState is which part of an attribute comes next inside a tag.
type attributeState uint8

const (
	wantName attributeState = iota
	wantEquals
	wantValue
)

// parser builds an etree document from tokens, by the rules of 2.5.4's reader:
// a declaration at the top holds everything that follows it, an end tag closes
// all elements up to its own, and both that and a missing end are noticed only
// when everything has been read.
type parser struct {
	lex   lexer
	doc   *etree.Document
	stack []frame
	lines map[*etree.Element]int            // element -> offset of its name
	attrs map[*etree.Element]map[string]int // attribute -> offset

	declared map[*etree.Element]bool // <?...?>

	inTag     bool
	state     attributeState
	pending   token // the attribute name read last
	textStart int   // text not yet looked at for entities; -1: none
	unclosed  int   // offset of the first trouble with end tags; -1: none
	topText   bool  // text or a comment beside the topmost element
}

func newParser(data []byte) *parser {
	p := &parser{
		lex:      lexer{data: data},
		doc:      etree.NewDocument(),
		lines:    map[*etree.Element]int{},
		attrs:    map[*etree.Element]map[string]int{},
		declared: map[*etree.Element]bool{},
		unclosed: -1,
	}
	p.stack = []frame{{el: &p.doc.Element}}
	return p
}

// run reads the whole input.
func (p *parser) run() fault {
	for {
		tok := p.lex.next()
		if tok.kind == tokenEOF {
			return p.end(tok)
		}
		var f fault
		var done bool
		if p.inTag {
			f = p.insideTag(tok)
		} else {
			f, done = p.outsideTag(tok)
		}
		if f.text != "" {
			return f
		}
		if done {
			return fault{faultUnclosed, p.unclosed}
		}
	}
}

func (p *parser) top() *frame { return &p.stack[len(p.stack)-1] }

// end handles the end of the file.
func (p *parser) end(tok token) fault {
	if len(p.stack) > 1 && !p.top().declaration {
		p.unclosed = tok.start
	}
	if f := p.text(tok.start); f.text != "" {
		return f
	}
	if p.unclosed >= 0 {
		return fault{faultUnclosed, p.unclosed}
	}
	return fault{}
}

// text checks the text that ends at offset to. The text has no meaning, but an unknown entity in it
// ended 2.5.4.
func (p *parser) text(to int) fault {
	from := p.textStart
	p.textStart = -1
	if from < 0 {
		return fault{}
	}
	raw := strings.Trim(string(p.lex.data[from:to]), " \t\r\n")
	if raw == "" {
		return fault{}
	}
	if len(p.stack) == 1 {
		p.topText = true
	}
	_, why := decode(raw)
	return fault{why, p.lex.pos}
}

// outsideTag handles a token between tags; done means that an end tag stood
// outside of everything.
func (p *parser) outsideTag(tok token) (f fault, done bool) {
	switch tok.kind {
	case tokenTagStart, tokenDeclaration:
		if f := p.text(tok.start); f.text != "" {
			return f, false
		}
		return p.open(tok.kind == tokenDeclaration), false
	case tokenTagEnd:
		if f := p.text(tok.start); f.text != "" {
			return f, false
		}
		return p.close()
	case tokenComment, tokenOpenComment:
		if f := p.text(tok.start); f.text != "" {
			return f, false
		}
		if tok.kind == tokenOpenComment {
			return fault{faultComment, p.lex.pos}, false
		}
		if len(p.stack) == 1 {
			p.topText = true
		}
		p.textStart = p.lex.pos
	default: // text, which the next tag takes in
	}
	return fault{}, false
}

// open starts an element whose name comes next.
func (p *parser) open(declaration bool) fault {
	name := p.lex.next()
	if name.kind != tokenText {
		return fault{faultTagName, p.lex.pos}
	}
	if len(p.stack) > maxDepth {
		return fault{faultDepth, p.lex.pos}
	}
	el := p.top().el.CreateElement("e")
	el.Space, el.Tag = "", lower(string(p.lex.data[name.start:name.end]))
	p.lines[el] = name.start
	if declaration {
		p.declared[el] = true
	}
	p.stack = append(p.stack, frame{el, declaration})
	p.inTag, p.state = true, wantName
	return fault{}
}

// close handles an end tag, whose name comes next.
func (p *parser) close() (f fault, done bool) {
	name := p.lex.next()
	if name.kind != tokenText || p.lex.next().kind != tokenClose {
		return fault{faultEndTagName, p.lex.pos}, false
	}
	p.textStart = p.lex.pos
	want := lower(string(p.lex.data[name.start:name.end]))
	if len(p.stack) > 1 && p.top().el.Tag == want {
		p.pop()
		return fault{}, false
	}
	p.unclosed = p.lex.pos
	if len(p.stack) == 1 {
		return fault{}, true
	}
	for p.pop(); len(p.stack) > 1; p.pop() {
		if p.top().el.Tag == want {
			p.pop()
			return fault{}, false
		}
	}
	return fault{faultEndTag, p.lex.pos}, false
}

func (p *parser) pop() { p.stack = p.stack[:len(p.stack)-1] }

// head returns the element that 2.5.4 took as the root: the only thing at the
// top, or an element of that name in it or beside it.
func (p *parser) head() *etree.Element {
	in := &p.doc.Element
	if children := in.ChildElements(); len(children) == 1 && !p.topText {
		in = children[0]
	}
	if in.Tag == rootName {
		return in
	}
	return first(in, rootName)
}

// first returns the first child of that name, nil if there is none.
func first(el *etree.Element, name string) *etree.Element {
	for _, c := range el.ChildElements() {
		if c.Tag == name {
			return c
		}
	}
	return nil
}
