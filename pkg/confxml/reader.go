package confxml

import (
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/beevik/etree"

	"github.com/sersync/sersync/pkg/shellwords"
)

// maxWarnings bounds the list of warnings: a hostile file has room for 200,000 unknown names.
const maxWarnings = 200

// reader takes values out of a parsed tree, with the defaults of the table, and collects the
// problems.
type reader struct {
	file     string
	tree     *parser
	lines    lineTable
	defs     table
	warnings []Problem
	said     map[string]bool
	env      func(string) (string, bool)
}

func newReader(file string, p *parser) *reader {
	return &reader{
		file:  file,
		tree:  p,
		lines: newLineTable(p.lex.data),
		defs:  newTable(),
		said:  map[string]bool{},
		env:   os.LookupEnv,
	}
}

func (r *reader) line(el *etree.Element) int {
	if el == nil {
		return 0
	}
	return r.lines.line(r.tree.lines[el])
}

// warn adds a warning.
func (r *reader) warn(line int, element, message, remedy string) {
	r.add(Problem{Line: line, Element: element, Message: message, Remedy: remedy, Severity: Warning})
}

// fault adds a warning that is an error for --check.
func (r *reader) fault(line int, element, message, remedy string) {
	r.add(Problem{Line: line, Element: element, Message: message, Remedy: remedy, Severity: Fault})
}

func (r *reader) add(p Problem) {
	switch p.File = r.file; {
	case len(r.warnings) == maxWarnings:
		r.warnings = append(r.warnings, Problem{File: r.file, Message: "further warnings are left out", Remedy: "correct those above first", Severity: Warning})
	case len(r.warnings) < maxWarnings:
		r.warnings = append(r.warnings, p)
	}
}

// warnOnce is warn for a problem that every further element would repeat.
func (r *reader) warnOnce(line int, element, message, remedy string) {
	if key := element + "\x00" + message; !r.said[key] {
		r.said[key] = true
		r.warn(line, element, message, remedy)
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
		r.warnOnce(r.line(all[1]), path, "given more than once: the first one counts", "remove the others")
	}
	if len(all) > 0 {
		return all[0]
	}
	if d.need == required || d.need == requiredOn && on {
		r.warn(r.line(parent), path, "missing: defaults are used", fmt.Sprintf("add <%s> as in the shipped confxml.xml", last(path)))
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

// value returns an attribute, or its default. It does not report that the attribute is missing when
// the element is, for then the element has been reported.
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
			taken = fmt.Sprintf("%q is used", d.def)
		}
		r.warn(v.line, v.element, "missing: "+taken, fmt.Sprintf("add %s=\"...\"", attr))
	}
	return v
}

// text is value for an attribute that 2.5.4 pasted into a shell command: the shell removed the
// blanks around it, and interpreted $VAR and quotes.
func (r *reader) text(el *etree.Element, path, attr string, on bool) value {
	v := r.value(el, path, attr, on)
	if t := strings.Trim(v.text, " \t\r\n"); t != v.text {
		r.warn(v.line, v.element, "blanks around the value are ignored", "remove them")
		v.text = t
	}
	if first, _ := utf8.DecodeRuneInString(v.text); strings.ContainsRune(typographicQuotes, first) {
		r.fault(v.line, v.element, fmt.Sprintf("%q begins with a typographic quotation mark, which is a part of the value", v.text), fmt.Sprintf("write plain ones: %s=\"...\"", attr))
	}
	v.text = r.expand(v)
	return v
}

// expand is the value as a shell reads it. What a shell would have to execute has
// no value here.
func (r *reader) expand(v value) string {
	var unset []string
	text, err := shellwords.Value(v.text, func(name string) string {
		s, ok := r.env(name)
		if !ok {
			unset = append(unset, name)
		}
		return s
	})
	if err != nil {
		r.add(Problem{
			Line: v.line, Element: v.element, Message: fmt.Sprintf("%q is for a shell, and none runs here: %v", v.text, err),
			Remedy: "write the value itself", Severity: Refusal,
		})
		return text
	}
	for _, name := range unset {
		r.fault(v.line, v.element, fmt.Sprintf("$%s is empty: there is no such variable in the environment", printable(name)), "set it where sersync is started, or write the value itself")
	}
	return text
}

// flag reads a boolean. Only the exact text true counts.
func (r *reader) flag(el *etree.Element, path, attr string) bool {
	v := r.value(el, path, attr, false)
	switch v.text {
	case "true":
		return true
	case "false", "":
	default:
		r.warn(v.line, v.element, fmt.Sprintf("%q is not true, so it is off", v.text), "write true or false")
	}
	return false
}

// expressions reads <exclude> or <include>. An element without its attribute ended 2.5.4; as there
// is no default for it, the element is left out.
func (r *reader) expressions(parent *etree.Element, path string) []Expression {
	var all []Expression
	for _, el := range r.children(parent, path) {
		v := r.value(el, path, "expression", false)
		if !v.given {
			r.warn(v.line, v.element, "missing: the element is left out", "add expression=\"...\" or remove it")
			continue
		}
		all = append(all, Expression{Text: v.text, Line: v.line})
	}
	return all
}

// unknown reports what the table does not know, each name once. What stands below an unknown
// element is not looked at. The attributes of a plugin's elements are checked by the plugin.
func (r *reader) unknown(el *etree.Element, path string) {
	inPlugin := path == "plugin" || strings.HasPrefix(path, "plugin/")
	for _, a := range el.Attr {
		if inPlugin || forEditors(a.Key) {
			continue
		}
		if _, ok := r.defs[path+"@"+a.Key]; !ok {
			line := r.lines.line(r.tree.attrs[el][a.Key])
			r.warnOnce(line, printable(path+"@"+a.Key), "unknown attribute: it is ignored", "correct its name or remove it")
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
		r.warn(r.line(c), printable(below), "unknown element here: it is ignored", remedy)
	}
}

// forEditors tells whether an attribute says where the schema of the file is, such as
// xsi:noNamespaceSchemaLocation: only editors use it.
func forEditors(name string) bool {
	return strings.HasPrefix(name, "xmlns:") || strings.HasPrefix(name, "xsi:")
}

// printable keeps a name from the file on one line of a message.
func printable(name string) string {
	const most = 80
	if len(name) > most {
		name = name[:most] + "..."
	}
	return quoteName(name)
}
