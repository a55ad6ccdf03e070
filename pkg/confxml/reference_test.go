package confxml_test

import (
	"strings"
	"testing"

	"github.com/beevik/etree"

	"github.com/sersync/sersync/pkg/confxml"
)

// TestReference: the reference lists, in both languages, every element and attribute of the shipped
// file, in tables with the same rows.
func TestReference(t *testing.T) {
	en, zh := confxml.Reference("en"), confxml.Reference("zh")
	lines, other := strings.Split(en, "\n"), strings.Split(zh, "\n")
	if len(lines) != len(other) {
		t.Errorf("%d lines in English, %d in Chinese", len(lines), len(other))
	}
	for i, line := range lines[:len(lines)-1] {
		cells := strings.Split(strings.ReplaceAll(line, `\|`, ""), "|")
		if len(cells) != 8 || len(strings.Split(strings.ReplaceAll(other[i], `\|`, ""), "|")) != 8 {
			t.Errorf("line %d has not six cells: %q", i+1, line)
		}
		if meaning := strings.TrimSpace(cells[len(cells)-2]); meaning == "" {
			t.Errorf("line %d has no meaning: %q", i+1, line)
		}
	}
	if en == zh {
		t.Error("Chinese is English")
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(shipped(t)); err != nil {
		t.Fatal(err)
	}
	for _, el := range doc.FindElements("//*") {
		if !strings.Contains(en, "`<"+el.Tag+">`") {
			t.Errorf("<%s> is not in the reference", el.Tag)
		}
		for _, a := range el.Attr {
			if !strings.Contains(en, "| `"+a.Key+"` |") {
				t.Errorf("%s of <%s> is not in the reference", a.Key, el.Tag)
			}
		}
	}
	for _, line := range []string{
		"| `<crontab>` (`sersync`) | `schedule` | number | `600` | 2.5.4 |",
		"| `<crontab>` (`sersync`) | `cron` | text | `\"\"` | extension |",
	} {
		if !strings.Contains(en, line) {
			t.Errorf("no line begins with %s", line)
		}
	}
}
