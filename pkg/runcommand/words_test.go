package runcommand

import (
	"slices"
	"strings"
	"testing"
)

func testEnv(name string) string {
	return map[string]string{"X": "one two", "HOME": "/root", "G": "\xd6\xd0"}[name]
}

func TestSplit(t *testing.T) {
	tests := []struct {
		text string
		want []string
	}{
		{"", nil},
		{"  ", nil},
		{"/opt/tongbu/mmm.sh", []string{"/opt/tongbu/mmm.sh"}},
		{"suf fix", []string{"suf", "fix"}},
		{`/bin/sh -c 'echo "$1"' sh`, []string{"/bin/sh", "-c", `echo "$1"`, "sh"}},
		{`a\ b "c d" 'e f'`, []string{"a b", "c d", "e f"}},
		{`$X "${X}" '$X'`, []string{"one", "two", "one two", "$X"}},
		{"~/x.sh $NONE", []string{"/root/x.sh"}},
		{"/opt/\xd6\xd0/x $G", []string{"/opt/\xd6\xd0/x", "\xd6\xd0"}},
		{"a\tb\nc", []string{"a", "b", "c"}},
		{"* {} {a,b} [x]", []string{"*", "{}", "a", "b", "[x]"}},
		{`""`, []string{""}},
	}
	for _, tt := range tests {
		got, err := Split(tt.text, testEnv)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %q, %v; want %q", tt.text, got, err, tt.want)
		}
	}
}

func TestSplitRefuses(t *testing.T) {
	for _, text := range []string{
		"a; b", "a | b", "a && b", "a > /tmp/x", "2>&1", "a &", "a $(id)", "a `id`", `a "$(id)"`, "a $((1+1))", "(a)",
		"${X:=1}", "${X:?no}", "${#X}", "${X%%y}", "'open", `"open`, "<(x)",
	} {
		got, err := Split(text, testEnv)
		if err == nil {
			t.Errorf("%q: got %q, want an error", text, got)
			continue
		}
		if !strings.Contains(err.Error(), "script") {
			t.Errorf("%q: %v names no remedy", text, err)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"a b", `'a "b'`, "${X} $G", "\xff\\\n", "$(", "a#b", "~x", "$'x'", "$\"x\"", "@(a|b)", "a=(1 2)"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, err := Split(text, testEnv)
		if err == nil && strings.Trim(text, " \t\n") == "" && len(words) != 0 {
			t.Errorf("%q gives %q", text, words)
		}
		if err == nil && !strings.ContainsAny(text, "'\"\\$~#{\r") && !slices.Equal(words, strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' })) {
			t.Errorf("%q gives %q", text, words)
		}
	})
}
