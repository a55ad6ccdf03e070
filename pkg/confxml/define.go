package confxml

import (
	"fmt"
	"strings"
)

// kind is how the value of an attribute is read.
type kind uint8

const (
	kindNone     kind = iota // an element, or an attribute without effect
	kindText                 // bytes as they stand
	kindBoolean              // only the exact text true is true
	kindNumber               // through atoi
	kindDuration             // as time.ParseDuration reads it
	kindPace                 // wait, free, or a number of KiB per second
)

// need is what the absence of an element or attribute means.
type need uint8

const (
	optional   need = iota // the default, without a word
	required               // 2.5.4 crashed: the default, with a warning
	requiredOn             // the same, but only when the feature is switched on
	essential              // no value is possible: ValidateSync refuses the file
)

// inherited is the default of a remote's attribute whose value for all remotes <rsync> gives. It is
// used for the reference only: the reader checks whether the attribute is there.
const inherited = "\x00rsync"

// definition is one element (attr empty) or attribute of the format.
type definition struct {
	path      string // below head, such as "sersync/rsync/auth"; "head" itself
	attr      string
	kind      kind
	def       string // default: what the shipped file of 2.5.4 says
	need      need
	extension bool // unknown to 2.5.4, which ignores it
	en, zh    string
}

// name is the element as messages spell it.
func (d definition) name() string {
	if d.attr == "" {
		return d.path
	}
	return d.path + "@" + d.attr
}

// table is the definitions by lower-case name.
type table map[string]definition

func newTable() table {
	t := table{}
	for _, d := range definitions() {
		t[lower(d.name())] = d
	}
	return t
}

// must returns the definition of a name that the reader asks for.
func (t table) must(path, attr string) definition {
	d, ok := t[lower(definition{path: path, attr: attr}.name())]
	if !ok {
		panic(fmt.Sprintf("confxml: %s@%s is not in the table of definitions", path, attr))
	}
	return d
}

// elsewhere returns the parent of a known element of that name, or "" if no element has that name:
// people put <localpath> directly under <head>.
func (t table) elsewhere(name string) string {
	for _, d := range definitions() {
		parent, last := split(d.path)
		if d.attr != "" || lower(last) != name {
			continue
		}
		if parent == "" {
			return rootName
		}
		return parent
	}
	return ""
}

// split cuts a path into its parent and its last element.
func split(path string) (parent, last string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", path
	}
	return path[:i], path[i+1:]
}

// Reference is a Markdown table of every element and attribute with its
// default and meaning, in English or, for lang "zh", in Chinese.
func Reference(lang string) string {
	header := []string{"Element", "Attribute", "Value", "Default", "Since", "Meaning"}
	if lang == "zh" {
		header = []string{"元素", "属性", "取值", "默认值", "来源", "含义"}
	}
	var b strings.Builder
	row(&b, header...)
	row(&b, "---", "---", "---", "---", "---", "---")
	for _, d := range definitions() {
		since, text := "2.5.4", d.en
		if d.extension {
			since = "extension"
		}
		if lang == "zh" {
			text = d.zh
			if d.extension {
				since = "扩展"
			}
		}
		row(&b, code("<"+last(d.path)+">")+" "+where(d.path), code(d.attr), d.kind.word(lang), defaultWord(d, lang), since, text)
	}
	return b.String()
}

func last(path string) string {
	_, l := split(path)
	return l
}

// where names the parent of an element, for the first column of Reference.
func where(path string) string {
	parent, _ := split(path)
	if parent == "" {
		return ""
	}
	return "(" + code(parent) + ")"
}

func row(b *strings.Builder, cells ...string) {
	for _, c := range cells {
		b.WriteString("| " + strings.ReplaceAll(strings.TrimSpace(c), "|", "\\|") + " ")
	}
	b.WriteString("|\n")
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func defaultWord(d definition, lang string) string {
	switch {
	case d.def == inherited && lang == "zh":
		return "同 `<rsync>`"
	case d.def == inherited:
		return "as in `<rsync>`"
	case d.attr == "" || d.kind == kindNone:
		return ""
	case d.need == essential:
		return "-"
	case d.def == "":
		return "`\"\"`"
	}
	return code(d.def)
}

// word names the kind in a language.
func (k kind) word(lang string) string {
	zh := lang == "zh"
	switch {
	case k == kindBoolean:
		return "`true` / `false`"
	case k == kindNumber && zh:
		return "数字"
	case k == kindNumber:
		return "number"
	case k == kindPace && zh:
		return "`wait` / `free` / 数字"
	case k == kindPace:
		return "`wait` / `free` / number"
	case k == kindDuration && zh:
		return "时长"
	case k == kindDuration:
		return "duration"
	case k == kindText && zh:
		return "文本"
	case k == kindText:
		return "text"
	}
	return ""
}
