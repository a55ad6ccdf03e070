package confxml

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/beevik/etree"
)

// TestRepeated: of which elements there may be several is what the reader says
// about a second one.
func TestRepeated(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", "confxml.xml"))
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(text), "?>")
	seen := 0
	for _, d := range definitions() {
		doc := etree.NewDocument()
		if err := doc.ReadFromString(body); err != nil {
			t.Fatal(err)
		}
		inPlugin := strings.HasPrefix(d.path, "plugin/") && !repeated[d.path] // their own affair
		if d.attr != "" || d.path == rootName || inPlugin {
			continue
		}
		seen++
		el := doc.Root()
		for name := range strings.SplitSeq(d.path, "/") { // the shipped file has no extensions
			below := el.SelectElement(name)
			if below == nil {
				below = el.CreateElement(name)
			}
			el = below
		}
		el.Parent().AddChild(el.Copy())
		twice, err := doc.WriteToString()
		if err != nil {
			t.Fatal(err)
		}
		conf, err := Parse("twice", []byte(twice))
		if err != nil {
			t.Fatal(err)
		}
		warned := slices.ContainsFunc(conf.Warnings, func(p Problem) bool { return strings.Contains(p.Message, "more than once") })
		if warned == repeated[d.path] {
			t.Errorf("<%s> twice: repeated is %v, and the reader says %v", d.path, repeated[d.path], conf.Warnings)
		}
	}
	if seen < 30 {
		t.Errorf("only %d elements looked at", seen)
	}
	for path := range repeated {
		newTable().must(path, "")
	}
}

// TestChoices: what is offered is an attribute of the table, whose default is one
// of the words.
func TestChoices(t *testing.T) {
	for name, words := range choices {
		path, attr, _ := strings.Cut(name, "@")
		d := newTable().must(path, attr)
		if d.def != "" && !slices.Contains(words, d.def) {
			t.Errorf("%s: the default %q is none of %q", name, d.def, words)
		}
	}
}
