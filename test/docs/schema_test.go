package docs

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/beevik/etree"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/confxml"
)

const schemaFile = "packaging/xsd/confxml.xsd"

// validate has xmllint check documents by the schema, and returns a message for each document that
// is rejected. The keys of the maps name the documents in messages.
func validate(t *testing.T, documents map[string]string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	args := []string{"--noout", "--nonet", "--schema", filepath.Join(testkit.Repository(), schemaFile)}
	names := map[string]string{}
	for name, text := range documents {
		file := filepath.Join(dir, fmt.Sprintf("%d.xml", len(names)))
		write(t, file, text)
		names[file] = name
		args = append(args, file)
	}
	out, err := exec.CommandContext(t.Context(), "xmllint", args...).CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited { //nolint:errorlint // Run itself returns this type
		t.Fatalf("xmllint: %v (make test-needs installs it)", err)
	}
	rejected, judged := map[string]string{}, 0
	for line := range strings.Lines(string(out)) {
		file, rest, _ := strings.Cut(line, ".xml")
		name, ok := names[file+".xml"]
		switch {
		case !ok:
		case strings.HasPrefix(rest, " validates"):
			judged++
		case strings.HasPrefix(rest, " fails to validate"):
			judged++
			rejected[name] += line
		default:
			rejected[name] += line
		}
	}
	if judged != len(documents) {
		t.Fatalf("xmllint has judged %d of %d documents:\n%s", judged, len(documents), out)
	}
	return rejected
}

// configurations are the configuration files of the examples, and the whole configurations of the
// documentation.
func configurations(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(filepath.Join(testkit.Repository(), "examples"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".xml" {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "<head") {
			all[strings.TrimPrefix(path, testkit.Repository()+"/")] = string(text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages(t) {
		for _, b := range blocks(t, page) {
			if b.lang() == "xml" && strings.Contains(b.text, "</head>") {
				all[b.String()] = b.text
			}
		}
	}
	if len(all) < 10 {
		t.Fatalf("only %d configurations found", len(all))
	}
	return all
}

// TestSchemaTakesTheExamples: whole configurations are valid as they are. They also are valid with
// the attribute that tells an editor where the schema is, which the reader ignores.
func TestSchemaTakesTheExamples(t *testing.T) {
	documents := map[string]string{}
	for name, text := range configurations(t) {
		documents[name] = text
		marked := strings.Replace(text, "<head", `<head xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="file:///usr/share/xml/sersync/confxml.xsd"`, 1)
		documents[name+", for an editor"] = marked
		plain, err := confxml.Parse(name, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if conf, err := confxml.Parse(name, []byte(marked)); err != nil || len(conf.Warnings) != len(plain.Warnings) {
			t.Errorf("%s with the place of the schema: %v, %v", name, err, conf.Warnings)
		}
	}
	for name, said := range validate(t, documents) {
		t.Errorf("%s is rejected:\n%s", name, said)
	}
}

// TestSchemaRejectsSlips: in each example the schema rejects a misspelt name of an element or
// attribute, and a value of another kind.
func TestSchemaRejectsSlips(t *testing.T) {
	slips := map[string]string{}
	slip := func(name string, doc *etree.Document, what string) {
		text, err := doc.WriteToString()
		if err != nil {
			t.Fatal(err)
		}
		slips[name+" with "+what] = text
	}
	for name, text := range configurations(t) {
		if strings.HasSuffix(name, ".zh.md") {
			continue
		}
		doc := etree.NewDocument()
		// The reader takes a file that calls itself ISO-8859-1 as bytes; these files are ASCII or
		// UTF-8.
		if err := doc.ReadFromString(regexp.MustCompile(`<\?xml[^>]*>`).ReplaceAllString(text, "")); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, el := range doc.FindElements("//*") {
			el.Tag += "s"
			slip(name, doc, fmt.Sprintf("<%s>", el.GetPath()))
			el.Tag = strings.TrimSuffix(el.Tag, "s")
			for i := range el.Attr {
				a := &el.Attr[i]
				key, value := a.Key, a.Value
				a.Key += "s"
				slip(name, doc, fmt.Sprintf("%s@%s", el.GetPath(), a.Key))
				a.Key = key
				for _, wrong := range wrongValues(value) {
					a.Value = wrong
					slip(name, doc, fmt.Sprintf("%s@%s=%q", el.GetPath(), key, wrong))
				}
				a.Value = value
			}
		}
	}
	if len(slips) < 500 {
		t.Fatalf("only %d slips were made", len(slips))
	}
	rejected := validate(t, slips)
	for name := range slips {
		if rejected[name] == "" {
			t.Errorf("accepted: %s", name)
		}
	}
}

// wrongValues are values that a switch cannot have.
func wrongValues(value string) []string {
	if value == "true" || value == "false" {
		return []string{"yes", "True", ""}
	}
	return nil
}

// TestSchemaKnowsTheValues has values of kinds that no example uses.
func TestSchemaKnowsTheValues(t *testing.T) {
	shipped := read(t, "examples/confxml.xml")
	with := func(old, put string) string {
		if !strings.Contains(shipped, old) {
			t.Fatalf("the shipped file has no %s", old)
		}
		return strings.Replace(shipped, old, put, 1)
	}
	good := map[string]string{
		"log":        with("<inotify>", `<log level="debug" format="json" maxsize="10"/><inotify>`),
		"selfcheck":  with("<inotify>", `<inotify selfcheck="1h30m">`),
		"no check":   with("<inotify>", `<inotify selfcheck="0">`),
		"three":      with(`<remote ip="127.0.0.1" name="tongbu1"/>`, strings.Repeat(`<remote ip="h" name="m" timeout="5"/>`, 3)),
		"two plugin": with(`<plugin start="false" name="command"/>`, strings.Repeat(`<plugin start="true" name="http" when="all"/>`, 2)),
		"order":      strings.Replace(with(`<debug start="false"/>`, ""), "</head>", `<debug start="true"/></head>`, 1),
		// Only the schema allows this: the reader takes the first element and warns of the second
		// one.
		"two hosts": with("<inotify>", `<host hostip="localhost" port="8009"/><inotify>`),
		"seconds":   with(`ignoreError="true"`, `ignoreError="true" timeout="90"`),
		"defaults":  with(`<timeout start="false" time="100"/>`, ""),
	}
	for name, said := range validate(t, good) {
		t.Errorf("%s: %s", name, said)
	}
	conf, err := confxml.Parse("c.xml", []byte(good["two hosts"]))
	if err != nil {
		t.Fatal(err)
	}
	twice := func(p confxml.Problem) bool {
		return p.Element == "host" && strings.Contains(p.Message, "given more than once")
	}
	if conf.Host.Port != 8008 || !slices.ContainsFunc(conf.Warnings, twice) {
		t.Errorf("two hosts: port %d, %v", conf.Host.Port, conf.Warnings)
	}
	bad := map[string]string{
		"a port in words":         with(`port="874"`, `port="eight"`),
		"a negative time":         with(`time="100"`, `time="-1"`),
		"a level":                 with("<inotify>", `<log level="verbose"/><inotify>`),
		"a duration in words":     with("<inotify>", `<inotify selfcheck="a day">`),
		"a duration without unit": with("<inotify>", `<inotify selfcheck="24">`),
		"a plugin":                with(`start="false" name="command"`, `start="false" name="comand"`),
		"no watch":                with(` watch="/opt/tongbu"`, ""),
		"no ip":                   with(` ip="127.0.0.1"`, ""),
		"no remote":               with(`<remote ip="127.0.0.1" name="tongbu1"/>`, ""),
		"ssh twice":               with(`<ssh start="false"/>`, `<ssh start="false"/><ssh start="false"/>`),
		"a localpath in head":     with("<inotify>", `<localpath watch="/a"><remote ip="h" name="m"/></localpath><inotify>`),
		"text":                    with("<inotify>", "<inotify>on"),
	}
	rejected := validate(t, bad)
	for name := range bad {
		if rejected[name] == "" {
			t.Errorf("accepted: %s", name)
		}
	}
}
