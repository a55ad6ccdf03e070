package expression_test

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sersync/sersync/pkg/plugins/expression"
)

func TestMain(m *testing.M) {
	// regexp2 keeps a clock for a second after the last timed match.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2.runClock"))
}

func TestWhole(t *testing.T) {
	tests := []struct {
		text, subject string
		want          bool
	}{
		{`(.*)\.php`, "/src/a.php", true},
		{`(.*)\.php`, "/src/a.php5", false},
		{`(.*)\.php`, "/src/new\nline.php", true},
		{`a|ab`, "ab", true},
		{`/src/(?!tmp/).*`, "/src/tmp/x", false},
		{`/src/(?!tmp/).*`, "/src/x", true},
		{`.*/(.)\1`, "/src/zz", true},
		{`/[[:alpha:]]+`, "/abc", true},
		{"/\xd6\xd0.", "/\xd6\xd0\xff", true},
		{`(?i).*\.JPG`, "/x.jpg", true},
		{`(?x) .*\.php # comment`, "/a.php", true},
		{`.*\.php$`, "/a.php", true},
		{`^/a$`, "/a\n", false},
	}
	for _, tt := range tests {
		e, err := expression.Compile(tt.text)
		if err != nil {
			t.Fatalf("%q: %v", tt.text, err)
		}
		if got, err := e.Whole(tt.subject); err != nil || got != tt.want {
			t.Errorf("%q on %q: %v, %v", tt.text, tt.subject, got, err)
		}
	}
}

func TestSearch(t *testing.T) {
	tests := []struct {
		text, subject, group, rest string
		ok                         bool
	}{
		{`src/site([/a-zA-Z0-9]*)/`, "/r/src/site/pub", "", "pub", true},
		{`src/site([/a-zA-Z0-9]*)/`, "/r/src/site/pub/x.jpg", "/pub", "x.jpg", true},
		{`src/site([/a-zA-Z0-9]*)/`, "/r/src/nomatch", "", "", false},
		{`src`, "/r/src/a", "", "/a", true},
		{"\xd6(.)", "/\xd6\xd0\xff", "\xd0", "\xff", true},
		{`(x)?r`, "/r/s", "", "/s", true},
	}
	for _, tt := range tests {
		e, err := expression.Compile(tt.text)
		if err != nil {
			t.Fatal(err)
		}
		group, rest, ok, err := e.Search(tt.subject)
		if err != nil || group != tt.group || rest != tt.rest || ok != tt.ok {
			t.Errorf("%q on %q: %q, %q, %v, %v", tt.text, tt.subject, group, rest, ok, err)
		}
	}
}

func TestBad(t *testing.T) {
	for _, text := range []string{"", "*.php", "(", "a)(b", "[", `(?<x`} {
		if _, err := expression.Compile(text); err == nil {
			t.Errorf("%q compiles", text)
		}
	}
}

func TestBacktracking(t *testing.T) {
	e, err := expression.Compile(`(a+)+b`)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if _, err := e.Whole(strings.Repeat("a", 200)); err == nil {
		t.Error("no error after endless backtracking")
	}
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("took %v", d)
	}
}

func FuzzExpression(f *testing.F) {
	f.Add(`(.*)\.php`, "/a.php")
	f.Add("(?x)a#", "a")
	f.Add("\xff(.)", "\xff\n")
	f.Add(`(?i)([[:alpha:]])\1(?!x)`, "aa")
	f.Fuzz(func(t *testing.T, text, subject string) {
		if len(text) > 100 || len(subject) > 100 {
			return
		}
		e, err := expression.Compile(text)
		if err != nil {
			return
		}
		_, rest, ok, err := e.Search(subject)
		if err == nil && ok && !strings.HasSuffix(subject, rest) {
			t.Errorf("rest %q is not the end of %q", rest, subject)
		}
	})
}
