package edgexml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
)

// node is one element with the line that it begins on.
type node struct {
	name       string
	line       int
	attributes map[string]string
	children   []*node
}

// maxDepth is deeper than any element that has a meaning.
const maxDepth = 32

var errEmpty = errors.New("there is no element in it")

// parse reads XML into nodes. The error comes with the line at which it was found.
func parse(data []byte) (root *node, line int, err error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	var open []*node
	for {
		line, _ = d.InputPos()
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if root == nil {
				return nil, line, errEmpty
			}
			return root, line, nil
		}
		if err != nil {
			line, _ = d.InputPos()
			var syntax *xml.SyntaxError
			if errors.As(err, &syntax) {
				err = errors.New(syntax.Msg)
			}
			return nil, line, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			n := &node{name: token.Name.Local, attributes: map[string]string{}}
			n.line, _ = d.InputPos()
			for _, a := range token.Attr {
				n.attributes[a.Name.Local] = a.Value
			}
			switch {
			case len(open) > 0:
				parent := open[len(open)-1]
				parent.children = append(parent.children, n)
			case root == nil:
				root = n
			default:
				return nil, n.line, fmt.Errorf("there is a second element <%s> beside <%s>", n.name, root.name)
			}
			if len(open) == maxDepth {
				return nil, n.line, fmt.Errorf("elements are nested more than %d deep", maxDepth)
			}
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
}
