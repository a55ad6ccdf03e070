package confxml

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/beevik/etree"
)

// TestRepeated gives each element twice: the reader warns of the second one exactly where the
// schema allows only one.
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
		inPlugin := strings.HasPrefix(d.path, "plugin/") && !repeated[d.path] // each plugin reads its own elements
		if d.attr != "" || d.path == rootName || inPlugin {
			continue
		}
		seen++
		el := doc.Root()
		for name := range strings.SplitSeq(d.path, "/") { // an element that the shipped file lacks is added to it
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

// TestChoices: each attribute for which words are offered is in the table, and its default is one
// of these words.
func TestChoices(t *testing.T) {
	for name, words := range choices {
		path, attr, _ := strings.Cut(name, "@")
		d := newTable().must(path, attr)
		if d.def != "" && !slices.Contains(words, d.def) {
			t.Errorf("%s: the default %q is none of %q", name, d.def, words)
		}
	}
}
