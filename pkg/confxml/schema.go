package confxml

import (
	"fmt"
	"slices"
	"strings"
)

// repeated are the elements of which there may be any number; of every other element the first one
// counts.
var repeated = map[string]bool{
	"filter/exclude":                        true,
	"sersync/localpath":                     true,
	"sersync/localpath/busy":                true,
	"sersync/localpath/remote":              true,
	"sersync/localpath/remote/busy":         true,
	"sersync/localpath/stream":              true,
	"sersync/crontab/crontabfilter/exclude": true,
	"sersync/plugin":                        true,
	"plugin":                                true,
	"plugin/filter/include":                 true,
	"notify":                                true,
}

// choices are the values of the attributes that take one of a few words.
var choices = map[string][]string{
	"sersync/localpath@backend":       {Inotify, Fanotify, Auto},
	"log@level":                       {"debug", "info", "warn", "error"},
	"log@format":                      {"console", "json", "logfmt", "journal"},
	"sersync/plugin@name":             pluginNames,
	"sersync/plugin@when":             {"", "all"},
	"plugin@name":                     pluginNames,
	"plugin/param@paths":              {"each", "args", "stdin"},
	"plugin/param@separator":          {"nul", "newline"},
	"notify@level":                    {"lagging", "failing"},
	"notify@lang":                     {"en", "zh"},
	"notify/command@input":            {"env", "json"},
	"plugin/localpath/deshost@format": {"", "raw", "lines", "nul", "form", "json", "urls", "purge"},
}

var pluginNames = []string{"command", "socket", "http", "refreshCDN"}

// Schema is an XML schema (XSD 1.0) of the format, for editors and xmllint. It knows every element
// and attribute of the table, with its meaning in English and Chinese, and demands those for which
// there is no default. It is stricter than the reader: names have one spelling, numbers and
// durations have no blanks around them, <busy> comes after <remote>, and the file has to be
// well-formed XML. In one way it is less strict: where one of several elements may be repeated and
// another may not, the schema allows any number of each, or none. XSD 1.0 has no other way to allow
// several <plugin> among others in any order.
func Schema() string {
	s := schema{}
	s.line(0, `<?xml version="1.0" encoding="UTF-8"?>`)
	s.line(0, "<!-- Made from the definitions in pkg/confxml by make docs. Do not edit. -->")
	s.line(0, `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">`)
	s.simpleType("switch", "xs:string", `<xs:enumeration value="true"/>`, `<xs:enumeration value="false"/>`)
	s.simpleType("number", "xs:string", `<xs:pattern value="[0-9]*"/>`)
	s.simpleType("duration", "xs:string", `<xs:pattern value="0|([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+"/>`)
	s.simpleType("durationOrSeconds", "xs:string", `<xs:pattern value="[0-9]*|([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+"/>`)
	s.simpleType("pace", "xs:string", `<xs:pattern value="wait|free|[0-9]*[1-9][0-9]*"/>`)
	for _, d := range definitions() {
		if d.name() == rootName {
			s.element(1, d, "")
		}
	}
	s.line(0, "</xs:schema>")
	return s.text.String()
}

type schema struct{ text strings.Builder }

// line appends one line, indented by a level.
func (s *schema) line(level int, text string) {
	s.text.WriteString(strings.Repeat("  ", level) + text + "\n")
}

func (s *schema) simpleType(name, base string, facets ...string) {
	s.line(1, `<xs:simpleType name="`+name+`">`)
	s.restriction(2, base, facets)
	s.line(1, `</xs:simpleType>`)
}

func (s *schema) restriction(level int, base string, facets []string) {
	s.line(level, `<xs:restriction base="`+base+`">`)
	for _, f := range facets {
		s.line(level+1, f)
	}
	s.line(level, `</xs:restriction>`)
}

// element writes the element of d with all that may stand in it. occurs is how
// often it may be there, as attributes of xs:element.
func (s *schema) element(level int, d definition, occurs string) {
	s.line(level, `<xs:element name="`+last(d.path)+`"`+occurs+`>`)
	s.documentation(level+1, d)
	s.line(level+1, `<xs:complexType>`)
	s.content(level+2, childrenOf(d.path))
	for _, a := range definitions() {
		if a.path == d.path && a.attr != "" {
			s.attribute(level+2, a)
		}
	}
	s.line(level+1, `</xs:complexType>`)
	s.line(level, `</xs:element>`)
}

// childrenOf are the elements right below the one at path.
func childrenOf(path string) []definition {
	var list []definition
	for _, d := range definitions() {
		parent, _ := split(d.path)
		if parent == "" && d.path != rootName {
			parent = rootName
		}
		if d.attr == "" && parent == path {
			list = append(list, d)
		}
	}
	return list
}

// content writes which elements may stand in an element. xs:all takes them in any
// order, but none of them twice.
func (s *schema) content(level int, children []definition) {
	group := "xs:all"
	switch {
	case len(children) == 0:
		return
	case !slices.ContainsFunc(children, func(d definition) bool { return !repeated[d.path] }), len(children) == 1:
		group = "xs:sequence"
	case slices.ContainsFunc(children, func(d definition) bool { return repeated[d.path] }):
		group = "xs:choice"
	}
	occurs := ""
	if group == "xs:choice" {
		occurs = ` minOccurs="0" maxOccurs="unbounded"`
		if !slices.ContainsFunc(children, func(d definition) bool { return !repeated[d.path] }) {
			occurs = ` maxOccurs="unbounded"` // one of them has to be there
		}
	}
	s.line(level, `<`+group+occurs+`>`)
	for _, d := range children {
		s.element(level+1, d, occursIn(group, d))
	}
	s.line(level, `</`+group+`>`)
}

func occursIn(group string, d definition) string {
	occurs := ""
	if group == "xs:choice" {
		return occurs
	}
	if d.need != essential {
		occurs = ` minOccurs="0"`
	}
	if repeated[d.path] {
		occurs += ` maxOccurs="unbounded"`
	}
	return occurs
}

func (s *schema) attribute(level int, d definition) {
	head := `<xs:attribute name="` + d.attr + `"`
	words := choices[d.name()]
	if words == nil {
		head += ` type="` + schemaType(d) + `"`
	}
	switch {
	case d.need == essential:
		head += ` use="required"`
	case d.def != "" && d.def != inherited:
		head += ` default="` + escapeXML(d.def) + `"`
	}
	s.line(level, head+`>`)
	s.documentation(level+1, d)
	if words != nil {
		var facets []string
		for _, w := range words {
			facets = append(facets, fmt.Sprintf(`<xs:enumeration value="%s"/>`, w))
		}
		s.line(level+1, `<xs:simpleType>`)
		s.restriction(level+2, "xs:string", facets)
		s.line(level+1, `</xs:simpleType>`)
	}
	s.line(level, `</xs:attribute>`)
}

func schemaType(d definition) string {
	switch {
	case d.kind == kindBoolean:
		return "switch"
	case d.kind == kindNumber:
		return "number"
	case d.kind == kindPace:
		return "pace"
	case d.kind == kindDuration && strings.HasPrefix(d.path, "plugin/"):
		return "durationOrSeconds" // a plugin's times are read by the plugins
	case d.kind == kindDuration:
		return "duration"
	}
	return "xs:string"
}

func (s *schema) documentation(level int, d definition) {
	since := ""
	if d.extension {
		since = " (2.5.4 ignores it.)"
	}
	s.line(level, `<xs:annotation>`)
	s.line(level+1, `<xs:documentation xml:lang="en">`+escapeXML(d.en+since)+`</xs:documentation>`)
	s.line(level+1, `<xs:documentation xml:lang="zh">`+escapeXML(d.zh)+`</xs:documentation>`)
	s.line(level, `</xs:annotation>`)
}

var xmlEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;")

func escapeXML(text string) string { return xmlEscapes.Replace(text) }
