package shellwords

import (
	"strings"
	"testing"
)

func testEnv(name string) string {
	return map[string]string{"H": "10.0.0.1", "M": "web", "TWO": "a b"}[name]
}

func TestValue(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.1":      "10.0.0.1",
		"a module":      "a module",
		"{{ host }}":    "{{ host }}",
		"$H":            "10.0.0.1",
		"${M}/sub":      "web/sub",
		"data$M":        "dataweb",
		"$NONE":         "",
		"$TWO":          "a b",
		`a\ b`:          "a b",
		`'a  b'`:        "a  b",
		`"$M"`:          "web",
		"~/$M":          "~/web",
		"c$":            "c$",
		"\xc4\xe3$M":    "\xc4\xe3web", // GBK
		"$(hostname)":   "error",
		"`hostname`":    "error",
		"it's":          "it's",
		"it's $H":       "it's $H",
		`5" disk`:       `5" disk`,
		`'it'\''s' $H`:  "it's 10.0.0.1",
		"a'b;c'd;e":     "error",
		"$H;id":         "error",
		"$H\x00":        "error",
		"${H":           "error",
		"backup/$(id)x": "error",
	} {
		got, err := Value(text, testEnv)
		if want == "error" {
			if err == nil || got != text {
				t.Errorf("%q: %q, %v", text, got, err)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
}

// TestValueAsksForItsNames: env is asked for the variables that the text names, and for no others.
// If a container has no PWD, no message may say so.
func TestValueAsksForItsNames(t *testing.T) {
	var asked []string
	if _, err := Value("${M}/$PWD", func(name string) string { asked = append(asked, name); return testEnv(name) }); err != nil || strings.Join(asked, " ") != "M PWD" && strings.Join(asked, " ") != "PWD M PWD" {
		t.Errorf("asked for %q, %v", asked, err)
	}
	asked = nil
	if got, err := Value("nodes/$M", func(name string) string { asked = append(asked, name); return testEnv(name) }); got != "nodes/web" || err != nil || strings.Join(asked, " ") != "M" {
		t.Errorf("%q, %v, asked for %q", got, err, asked)
	}
}

func FuzzValue(f *testing.F) {
	for _, s := range []string{"$H", "${M}/x", "'a'", `a\ b`, "$(id)", "<(x)$H", "`", "~$H", "{1..3}$H", "\xff$\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Value(text, testEnv)
		if err != nil && (got != text || err.Error() == "") {
			t.Errorf("%q: %q with error %v", text, got, err)
		}
		if !strings.ContainsAny(text, special) && (got != text || err != nil) {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	})
}
