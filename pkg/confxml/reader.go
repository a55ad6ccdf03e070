package confxml

import (
	"fmt"
	"strings"

	"github.com/beevik/etree"
)

// maxWarnings bounds the list, as a hostile file has room for 200,000 names.
const maxWarnings = 200

// reader takes values out of a parsed tree, with the defaults and needs of the
// table, and collects what is to be said about them.
type reader struct {
	file     string
	tree     *parser
	lines    lineTable
	defs     table
	warnings []Problem
	said     map[string]bool
}

func newReader(file string, p *parser) *reader {
	return &reader{
		file:  file,
		tree:  p,
		lines: newLineTable(p.lex.data),
		defs:  newTable(),
		said:  map[string]bool{},
	}
}

func (r *reader) line(el *etree.Element) int {
	if el == nil {
		return 0
	}
	return r.lines.line(r.tree.lines[el])
}

// warn adds a warning; checkFatal makes it an error for --check.
func (r *reader) warn(line int, element, message string, checkFatal bool) {
	switch {
	case len(r.warnings) == maxWarnings:
		r.warnings = append(r.warnings, Problem{File: r.file, Message: "further warnings are left out: correct those above first"})
	case len(r.warnings) < maxWarnings:
		r.warnings = append(r.warnings, Problem{File: r.file, Line: line, Element: element, Message: message, CheckFatal: checkFatal})
	}
}

// warnOnce is warn for what would be said again for every further element.
func (r *reader) warnOnce(line int, element, message string) {
	if key := element + "\x00" + message; !r.said[key] {
		r.said[key] = true
		r.warn(line, element, message, false)
	}
}

// child returns the element at path, whose parent is given: the first of its
// name. on tells whether the feature it belongs to is switched on.
func (r *reader) child(parent *etree.Element, path string, on bool) *etree.Element {
	if parent == nil {
		return nil
	}
	d := r.defs.must(path, "")
	all := r.children(parent, path)
	if len(all) > 1 {
		r.warnOnce(r.line(all[1]), path, "given more than once: the first one counts, remove the others")
	}
	if len(all) > 0 {
		return all[0]
	}
	if d.need == required || d.need == requiredOn && on {
		r.warn(r.line(parent), path, fmt.Sprintf("missing: defaults are taken; add <%s> as in the shipped confxml.xml", last(path)), false)
	}
	return nil
}

// children returns all elements at path below parent, in file order.
func (r *reader) children(parent *etree.Element, path string) []*etree.Element {
	if parent == nil {
		return nil
	}
	name := lower(last(path))
	var all []*etree.Element
	for _, c := range parent.ChildElements() {
		if c.Tag == name {
			all = append(all, c)
		}
	}
	return all
}

// value is an attribute as it was found.
type value struct {
	text    string
	line    int
	element string // "path@attribute", for messages
	given   bool
}

// value returns an attribute, or its default: without a word when the element
// is absent, for then the element has been reported.
func (r *reader) value(el *etree.Element, path, attr string, on bool) value {
	d := r.defs.must(path, attr)
	v := value{text: d.def, line: r.line(el), element: d.name()}
	if el == nil {
		return v
	}
	name := lower(attr)
	if at, ok := r.tree.attrs[el][name]; ok {
		v.line, v.given = r.lines.line(at), true
		for _, a := range el.Attr {
			if a.Key == name {
				v.text = a.Value
				break
			}
		}
		return v
	}
	if d.need == required || d.need == requiredOn && on {
		taken := "none is used"
		if d.def != "" {
			taken = fmt.Sprintf("%q is taken", d.def)
		}
		r.warn(v.line, v.element, fmt.Sprintf("missing: %s; add %s=\"...\"", taken, attr), false)
	}
	return v
}

// text is value for bytes that 2.5.4 pasted into a shell line, which took the
// blanks around them away.
func (r *reader) text(el *etree.Element, path, attr string, on bool) value {
	v := r.value(el, path, attr, on)
	if t := strings.Trim(v.text, " \t\r\n"); t != v.text {
		r.warn(v.line, v.element, "blanks around the value are ignored: remove them", false)
		v.text = t
	}
	return v
}

// flag reads a boolean. Only the exact text true counts.
func (r *reader) flag(el *etree.Element, path, attr string) bool {
	v := r.value(el, path, attr, false)
	switch v.text {
	case "true":
		return true
	case "false", "":
	default:
		r.warn(v.line, v.element, fmt.Sprintf("%q is not true, so it is off: write true or false", v.text), false)
	}
	return false
}

// expressions reads <exclude> or <include>. One without its attribute ended
// 2.5.4; there is no default for it, so it is left out.
func (r *reader) expressions(parent *etree.Element, path string) []Expression {
	var all []Expression
	for _, el := range r.children(parent, path) {
		v := r.value(el, path, "expression", false)
		if !v.given {
			r.warn(v.line, v.element, "missing: the element is left out; add expression=\"...\" or remove it", false)
			continue
		}
		all = append(all, Expression{Text: v.text, Line: v.line})
	}
	return all
}

// unknown reports what the table does not know, each name once. What stands
// below an unknown element is not looked at. The attributes of a plugin's
// elements are its own affair.
func (r *reader) unknown(el *etree.Element, path string) {
	inPlugin := path == "plugin" || strings.HasPrefix(path, "plugin/")
	for _, a := range el.Attr {
		if inPlugin {
			break
		}
		if _, ok := r.defs[path+"@"+a.Key]; !ok {
			line := r.lines.line(r.tree.attrs[el][a.Key])
			r.warnOnce(line, printable(path+"@"+a.Key), "unknown attribute: it is ignored; correct its name or remove it")
		}
	}
	for _, c := range el.ChildElements() {
		below := path + "/" + c.Tag
		if path == rootName {
			below = c.Tag
		}
		if _, ok := r.defs[below]; ok {
			r.unknown(c, below)
			continue
		}
		if r.tree.declared[c] {
			continue
		}
		if r.said[below] {
			continue
		}
		r.said[below] = true
		remedy := "correct its name or remove it"
		if parent := r.defs.elsewhere(c.Tag); parent != "" {
			remedy = fmt.Sprintf("move it into <%s>", last(parent))
		}
		r.warn(r.line(c), printable(below), "unknown element here: it is ignored; "+remedy, false)
	}
}

// printable keeps a name from the file on one line of a message.
func printable(name string) string {
	const most = 80
	if len(name) > most {
		name = name[:most] + "..."
	}
	return quoteName(name)
}
