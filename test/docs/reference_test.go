package docs

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/edge/edgexml"
)

var update = flag.Bool("update", false, "renew the generated parts of the documentation")

// generated are the parts of the documentation that are made from the definitions of confxml.xml
// and edge.xml. Such a part stands between two marker lines; in a file without these lines it is
// the whole file.
var generated = []struct {
	page, begin, end string
	text             func() string
}{
	{"docs/configuration.md", "<!-- reference:", "<!-- end of reference", func() string { return "\n" + confxml.Reference("en") + "\n" }},
	{"docs/configuration.zh.md", "<!-- reference:", "<!-- end of reference", func() string { return "\n" + confxml.Reference("zh") + "\n" }},
	{"packaging/man/confxml.xml.5", `.\" reference:`, `.\" end of reference`, func() string { return roff(confxml.Reference("en")) }},
	{schemaFile, "", "", confxml.Schema},
	{"docs/edge.md", "<!-- reference:", "<!-- end of reference", func() string { return "\n" + edgexml.Reference("en") + "\n" }},
	{"docs/edge.zh.md", "<!-- reference:", "<!-- end of reference", func() string { return "\n" + edgexml.Reference("zh") + "\n" }},
}

// TestReference: the generated parts are up to date.
func TestReference(t *testing.T) {
	for _, g := range generated {
		have := read(t, g.page)
		want := g.text()
		if g.begin != "" {
			begin := strings.Index(have, g.begin)
			end := strings.Index(have, g.end)
			if begin < 0 || end < begin {
				t.Errorf("%s: no place for the reference", g.page)
				continue
			}
			begin += strings.IndexByte(have[begin:], '\n') + 1
			want = have[:begin] + want + have[end:]
		}
		if have == want {
			continue
		}
		if !*update {
			t.Errorf("%s is out of date: make docs", g.page)
			continue
		}
		if err := os.WriteFile(filepath.Join(testkit.Repository(), g.page), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// roff turns the rows of the reference into a list for man(7).
func roff(table string) string {
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimSpace(table), "\n") {
		cells := strings.Split(strings.ReplaceAll(line, `\|`, "\x00"), "|")
		if i < 2 || len(cells) != 8 { // the first two lines are the title and a rule
			continue
		}
		for j := range cells {
			cells[j] = strings.ReplaceAll(strings.TrimSpace(strings.ReplaceAll(cells[j], "\x00", "|")), "`", "")
		}
		element, attribute, kind, def, since, meaning := cells[1], cells[2], cells[3], cells[4], cells[5], cells[6]
		title := `\fB` + escape(element) + `\fR`
		if attribute != "" {
			title = `\fB` + escape(attribute) + `\fR`
			if def != "" && def != "-" {
				title += " = " + escape(def)
			}
		}
		if attribute == "" {
			b.WriteString(".SS " + escape(element) + "\n")
		} else {
			b.WriteString(".TP\n" + title + "\n")
		}
		notes := ""
		if attribute != "" && kind != "" {
			notes = " (" + kind + ")"
		}
		if since == "extension" {
			notes += " Extension."
		}
		b.WriteString(escape(meaning+notes) + "\n")
	}
	return b.String()
}

// escape writes a text so that troff finds neither escapes nor requests in it.
func escape(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

var option = regexp.MustCompile(`(?m)^ {2,6}(-[a-z]|--[a-z-]+)`)

// TestManPageHasEveryOption: the help and the manual page name the same options.
func TestManPageHasEveryOption(t *testing.T) {
	var help strings.Builder
	if err := cli.WriteHelp(&help, "sersync", func(string) string { return "" }); err != nil {
		t.Fatal(err)
	}
	page := strings.ReplaceAll(read(t, "packaging/man/sersync.8"), `\-`, "-")
	found := option.FindAllStringSubmatch(help.String(), -1)
	if len(found) < 15 {
		t.Fatalf("only %d options found in the help", len(found))
	}
	for _, m := range found {
		if !regexp.MustCompile(`(?m)^\.(TP\n\.)?(B|BI|BR) ` + regexp.QuoteMeta(m[1]) + `\b`).MatchString(page) {
			t.Errorf("sersync.8 does not explain %s", m[1])
		}
	}
}

// TestConfigurationsAreRead: each whole configuration in the documentation is read without a
// warning, and so is each fragment once it has been put where it belongs.
func TestConfigurationsAreRead(t *testing.T) {
	whole := 0
	for _, page := range pages(t) {
		for _, b := range blocks(t, page) {
			if b.lang() != "xml" || strings.Contains(b.info, "other") {
				continue
			}
			text, all := b.text, strings.Contains(b.text, "<head")
			if all {
				whole++
			} else {
				text = complete(text)
			}
			conf, err := confxml.Parse(page, []byte(text))
			if err != nil {
				t.Errorf("%s: %v", b, err)
				continue
			}
			if err := conf.ValidateSync(); err != nil && all {
				t.Errorf("%s: %v", b, err)
			}
			for _, w := range conf.Warnings {
				if w.Severity > confxml.Warning || !strings.Contains(w.Message, "missing") {
					t.Errorf("%s: %s", b, w)
				}
			}
		}
	}
	if whole < 2 {
		t.Errorf("only %d whole configurations found", whole)
	}
}

// complete puts a fragment where it belongs in a configuration.
func complete(part string) string {
	local := `<localpath watch="/data"><remote ip="h" name="m"/></localpath>`
	switch name := regexp.MustCompile(`<(\w+)`).FindStringSubmatch(part); {
	case name == nil:
		return part
	case name[1] == "sersync":
		return "<head>" + part + "</head>"
	case name[1] == "localpath":
		return "<head><sersync>" + part + "</sersync></head>"
	case name[1] == "remote":
		return `<head><sersync><localpath watch="/data">` + part + "</localpath></sersync></head>"
	case strings.Contains("failLog crontab rsync", name[1]):
		return "<head><sersync>" + local + part + "</sersync></head>"
	default:
		return "<head>" + part + "<sersync>" + local + "</sersync></head>"
	}
}
