package confxml_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/confxml"
)

// refused expects a *ParseError with this text and at this place.
func refused(t *testing.T, err error, text string, line, column int) *confxml.ParseError {
	t.Helper()
	var parse *confxml.ParseError
	if !errors.As(err, &parse) {
		t.Fatalf("no ParseError but %v", err)
	}
	if parse.Text != text || parse.Line != line || parse.Column != column {
		t.Errorf("got %q at %d:%d, want %q at %d:%d", parse.Text, parse.Line, parse.Column, text, line, column)
	}
	if strings.ContainsAny(err.Error(), "\n\r") || parse.Remedy == "" {
		t.Errorf("not one line with a remedy: %q", err.Error())
	}
	if confxml.ExitCode(err) != 255 {
		t.Errorf("exit code %d", confxml.ExitCode(err))
	}
	return parse
}

// TestMalformed expects the wording and the place that 2.5.4 reported, where it reported any.
func TestMalformed(t *testing.T) {
	for _, tt := range []struct {
		name, in, text string
		line, column   int
	}{
		{"empty", "", "Error: No XML data", 0, 0},
		{"only a byte order mark", "\xef\xbb\xbf", "Error: No XML data", 0, 0},
		{"NUL first", "\x00<head/>", "Error: No XML data", 0, 0},
		{"NUL inside", "<head>\x00</head>", "Warning: Unmatched end tag", 1, 7},
		{"text", "hello\n", "Error: First Tag not found", 0, 0},
		{"other root", "<config/>", "Error: First Tag not found", 0, 0},
		{"text before the declaration", "x<?xml version='1.0'?><head/>", "Error: First Tag not found", 0, 0},
		{"UTF-16", "\xff\xfe<\x00h\x00", "Error: First Tag not found", 0, 0},
		{"unclosed", "<head>\n<a>\n</head>\n", "Warning: Unmatched end tag", 3, 8},
		{"never closed", "<head>\n<a/>", "Warning: Unmatched end tag", 2, 5},
		{"inside a tag", "<head", "Warning: Unmatched end tag", 1, 6},
		{"crossed", "<head>\n <a>\n <b>\n </a>\n </b>\n</head>", "Error: Unmatched end tag", 5, 6},
		{"stray end tag", "<head/></x>", "Warning: Unmatched end tag", 1, 12},
		{"entity in a value", "<head a='&foo;'/>", "Error: Unknown character entity", 1, 16},
		{"entity in a note", "<head># a & b\n<a/></head>", "Error: Unknown character entity", 2, 2},
		{"number above 255", "<head a='&#20013;'/>", "Error: Character code above 255 is forbidden in MultiByte char mode.", 1, 19},
		{"open number", "<head a='&#65'/>", "Error: Unknown character entity", 1, 15},
		{"open comment", "<head><!-- </head>", "Error: Unmatched clear tag end", 1, 11},
		{"quoted name", "<head>\n<a \"b\"/></head>", "Error: Unexpected token found", 2, 7},
		{"no name", "<head>< ='b'/></head>", "Error: Missing start tag name", 1, 10},
		{"end without name", "<head></></head>", "Error: Missing end tag name", 1, 10},
		{"equals twice", "<head a==b/>", "Error: Unexpected token found", 1, 10},
		{"columns are characters", "<head>\n<\xe4\xb8\xad a==b/>", "Error: Unexpected token found", 2, 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := confxml.Parse("c.xml", []byte(tt.in))
			refused(t, err, tt.text, tt.line, tt.column)
		})
	}
}

// TestTolerated reads files that are not XML and that 2.5.4 read all the same.
func TestTolerated(t *testing.T) {
	body := `<sersync><localpath watch="/a"><remote ip="h" name="m"/></localpath></sersync>`
	for name, in := range map[string]string{
		"no declaration":             "<head>" + body + "</head>",
		"byte order mark":            "\xef\xbb\xbf<?xml version='1.0'?><head>" + body + "</head>",
		"blank line first":           "\n\n<?xml version='1.0'?>\n<head>" + body + "</head>",
		"comment after declaration":  "<?xml version='1.0'?><!-- -- --><head>" + body + "</head>",
		"comment without":            "<!-- a -- b --><head>" + body + "</head>",
		"text before and after":      "# note\n<head>" + body + "</head>\n# end",
		"DOCTYPE":                    "<?xml version='1.0'?><!DOCTYPE head><head>" + body + "</head>",
		"CDATA":                      "<head><![CDATA[ <x> & ]]>" + body + "</head>",
		"notes":                      "<head> # a \"b' = > /> note\n" + body + "# end\n</head>",
		"upper case":                 "<HEAD>" + strings.ToUpper(body[:9]) + strings.NewReplacer("localpath", "LocalPath", "watch", "WATCH", "</sersync>", "</SERSYNC>").Replace(body[9:]) + "</Head>",
		"no quotes":                  "<head>" + strings.ReplaceAll(body, `"`, "") + "</head>",
		"single quotes":              "<head>" + strings.ReplaceAll(body, `"`, "'") + "</head>",
		"blanks and new lines":       "<head>" + strings.NewReplacer("=", " \n=\t", "/>", " />").Replace(body) + "</head >",
		"CRLF":                       "<head>\r\n" + strings.ReplaceAll(body, "><", ">\r\n<") + "\r\n</head>",
		"end tags":                   "<head>" + strings.Replace(body, "/></localpath>", "></remote></localpath>", 1) + "</head>",
		"processing instruction":     "<head><?php echo ?>" + body + "</head>",
		"attributes without a value": "<head>" + strings.Replace(body, "<remote", "<remote a b", 1) + "</head>",
	} {
		t.Run(name, func(t *testing.T) {
			c := parse(t, []byte(in))
			if err := c.ValidateSync(); err != nil {
				t.Fatal(err)
			}
			if m := c.LocalPaths[0].Remotes[0]; !strings.EqualFold(c.LocalPaths[0].Watch+m.IP+m.Name, "/ahm") {
				t.Errorf("got %+v", c.LocalPaths)
			}
		})
	}
}

// TestTruncated cuts the default configuration at every byte.
func TestTruncated(t *testing.T) {
	data := bytes.TrimRight(shipped(t), "\n")
	for n := range data {
		_, err := confxml.Parse("c.xml", data[:n])
		var parse *confxml.ParseError
		if !errors.As(err, &parse) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
}

// TestHugeFile: a file of 100 MB is refused after 1 MB of it has been read.
func TestHugeFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "huge.xml")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(100 << 20); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = confxml.Load(name)
	runtime.ReadMemStats(&after)
	refused(t, err, "Error: File too large", 0, 0)
	if used := after.TotalAlloc - before.TotalAlloc; used > 16<<20 {
		t.Errorf("%d bytes were allocated", used)
	}
}

// TestHostileSizes reads inputs of one megabyte that are very deep or very broad.
func TestHostileSizes(t *testing.T) {
	_, err := confxml.Parse("c.xml", []byte("<head>"+strings.Repeat("<a>", 100_000)+strings.Repeat("</a>", 100_000)+"</head>"))
	refused(t, err, "Error: Elements nested too deeply", 1, 774)

	for name, in := range map[string]string{
		"attributes": "<head " + strings.Repeat("a=1 b=2 ", 50_000) + "/>",
		"names":      "<head>" + strings.Repeat("<a/><b/>", 30_000) + "</head>",
		"warnings":   "<head>" + strings.Repeat("<debug start='x'/>", 1000) + strings.Repeat("<sersync><localpath ssh='1'/></sersync>", 1000) + "</head>",
		"remotes":    "<head><sersync><localpath watch='/'>" + strings.Repeat("<remote port='x'/>", 15_000) + "</localpath></sersync></head>",
	} {
		t.Run(name, func(t *testing.T) {
			c := parse(t, []byte(in))
			if len(c.Warnings) > 201 {
				t.Errorf("%d warnings", len(c.Warnings))
			}
		})
	}
}

// TestLoadErrors loads files that cannot be read.
func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "none.xml")
	_, err := confxml.Load(missing)
	e := refused(t, err, "Error: File not found", 0, 0)
	if want := "XML Parsing error inside file '" + missing + "'.\nError: File not found\nAt line 0, column 0.\n"; e.Report() != want {
		t.Errorf("report %q, want %q", e.Report(), want)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("the system's error is lost")
	}
	_, err = confxml.Load(dir)
	e = refused(t, err, "Error: First Tag not found", 0, 0)
	if !strings.HasSuffix(e.Report(), "At line 0, column 0.\nFirst Tag should be 'head'.\n") {
		t.Errorf("report %q", e.Report())
	}
}

// FuzzParse: no input causes a panic, and every byte of a path, a name or a parameter stands in the
// input or in the defaults.
func FuzzParse(f *testing.F) {
	f.Add(shipped(f))
	for _, remote := range []string{
		`ip="h:873" name="m"`, `ip="rsync://u@[::1]:9/m/x" name=""`, `ip="a,b" name="/m"`, `ip=“h” name="m/../x"`, `ip="$H" name="'a b'"`, "ip='`id`' name='~'",
	} {
		f.Add([]byte("<head><sersync><localpath watch='/x'><remote " + remote + "/></localpath><rsync><commonParams params='-artuz -delete --excldue --log-file=l'/></rsync></sersync></head>"))
	}
	probes, err := filepath.Glob("testdata/probes/*.xml")
	if err != nil {
		f.Fatal(err)
	}
	for _, p := range probes {
		data, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := confxml.Parse("c.xml", data)
		if code := confxml.ExitCode(err); err != nil && code != 255 {
			t.Fatalf("exit code %d: %v", code, err)
		}
		if err != nil {
			return
		}
		allowed := [256]bool{}
		const defaults = "localhost/tmp/rsync_fail_log.sh-artuzinfoconsole&<>\"'"
		for _, b := range append([]byte(defaults), data...) {
			allowed[b] = true
		}
		if bytes.Contains(data, []byte("&#")) || bytes.ContainsAny(data, "${") {
			return // the text of a number can hold any digit; a variable or {1..9} can give any byte
		}
		for _, s := range texts(c) {
			for i := range len(s) {
				if !allowed[s[i]] {
					t.Fatalf("byte %#x of %q is not in the input", s[i], s)
				}
			}
		}
		for _, w := range append(c.Warnings, c.CheckHost()...) {
			if w.Message == "" || strings.ContainsAny(w.String(), "\n\r") {
				t.Fatalf("problem is not one line: %q", w.String())
			}
		}
		if err := c.ValidateSync(); err == nil && len(c.LocalPaths) == 0 {
			t.Fatal("a configuration without a directory to watch is accepted")
		}
	})
}

func texts(c confxml.Config) []string {
	all := []string{c.Host.IP, c.Host.Listen, c.FailLog.Path, c.Crontab.Cron, c.Log.File, c.State.Dir, c.Rsync.Program}
	for _, l := range c.LocalPaths {
		all = append(all, l.Watch)
		for _, m := range l.Remotes {
			all = append(all, m.IP, m.Name, m.Params, m.User, m.PasswordFile, m.PortText)
		}
	}
	for _, p := range c.Plugins {
		for _, a := range p.Attributes {
			all = append(all, a.Value)
		}
	}
	for _, e := range append(c.Filter.Exclude, c.Crontab.Exclude...) {
		all = append(all, e.Text)
	}
	return all
}
