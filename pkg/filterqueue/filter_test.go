package filterqueue

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/confxml"
)

func compile(t testing.TB, exprs ...string) (*Filter, []Problem) {
	t.Helper()
	var list []confxml.Expression
	for i, e := range exprs {
		list = append(list, confxml.Expression{Text: e, Line: i + 1})
	}
	return Compile(list)
}

// recorded is one run of 2.5.4. The directories test, test/sub, a and a/test existed at its start,
// then seven files were written; sent holds those that reached the target. 2.5.4 matched one form
// of a path at some times and another form at other times; more holds the files that it sent only
// because of that. Our rule excludes each form of a path.
// forms excludes.
type recorded struct {
	expr string
	sent string
	more string
}

const recordedFiles = "test/test.txt test/other test/sub/f a/test/g test.txt testX a/test.txt"

func TestFilterAgainstRecordedRuns(t *testing.T) {
	for _, c := range []recorded{
		{`^test/test.txt`, "a/test.txt a/test/g test.txt test/other test/sub/f test/test.txt testX", "test/test.txt"},
		{`^test/tes(.*)\.txt`, "a/test.txt a/test/g test.txt test/other test/sub/f test/test.txt testX", "test/test.txt"},
		{`test.txt`, "a/test.txt a/test/g test/other test/sub/f test/test.txt testX", ""},
		{`(.*)test.txt`, "a/test/g test/other test/sub/f testX", ""},
		{`^test$`, "a/test.txt a/test/g test.txt test/other test/sub/f test/test.txt testX", "test/other test/sub/f test/test.txt"},
		{`^test/*`, "a/test.txt a/test/g test.txt testX", ""},
		{`^/test`, "a/test.txt a/test/g test.txt test/other test/sub/f test/test.txt testX", "test/other test/sub/f test/test.txt"},
		{`(.*)/test/(.*)`, "a/test.txt test.txt testX", ""},
		{`test/`, "a/test.txt a/test/g test.txt testX", ""},
		{`^test`, "a/test.txt a/test/g test.txt test/other test/sub/f test/test.txt testX", "test/other test/sub/f test/test.txt"},
		{`^test/(.*)`, "a/test.txt a/test/g test.txt testX", ""},
		{`^/test/test.txt`, "a/test.txt a/test/g test.txt test/other test/sub/f testX", ""},
		{`/test/(.*)`, "a/test.txt a/test/g test.txt testX", ""},
		{`a/test/`, "a/test.txt test.txt test/other test/sub/f test/test.txt testX", ""},
		{`/a/test/`, "a/test.txt a/test/g test.txt test/other test/sub/f test/test.txt testX", ""},
		{`(.*)/(.*)`, "test.txt testX", "test.txt testX"},
		{`^a/(.*)`, "test.txt test/other test/sub/f test/test.txt testX", ""},
	} {
		t.Run(c.expr, func(t *testing.T) {
			f, problems := compile(t, c.expr)
			if len(problems) > 0 {
				t.Fatalf("problems %v", problems)
			}
			sent, more := strings.Fields(c.sent), strings.Fields(c.more)
			for file := range strings.FieldsSeq(recordedFiles) {
				want := !slices.Contains(sent, file) || slices.Contains(more, file)
				if got := f.Excluded(file, false); got != want {
					t.Errorf("%q excluded: %v, want %v", file, got, want)
				}
			}
		})
	}
}

func TestFilterExcluded(t *testing.T) {
	defaults := []string{`(.*)\.svn`, `(.*)\.gz`, `^info/*`, `^static/*`}
	for _, c := range []struct {
		name  string
		exprs []string
		in    string // paths that are excluded; a trailing slash marks a directory
		out   string // paths that are not excluded
	}{
		{
			"shipped expressions", defaults,
			"a.gz d/a.gz info/ info/x p.svn/ p.svn/x static info/n/ z.svn/x",
			"a.txt infos/ infos/x d/info staticx d/static/ d/static/x st.svn.d/ pre/info/y old_info/y info2/y d/info/x",
		},
		{"leading slash", []string{`/x\.txt`, `/d/y\.txt`}, "x.txt d/y.txt", "d/x.txt y.txt"},
		{"directory made later", []string{`info`, `/d/skip`}, "info/ info/x d/skip/ d/skip/x", "d/ d/info/ e/d/skip/"},
		{"below a directory moved in", []string{`(.*)\.gz`, `/t/info`}, "t/info/ t/info/x t/a.gz t/x.gz", "t/ t/x"},
		{"nested", []string{`d/skip`, `d/skip2/`}, "d/skip/ d/skip/x d/skip2/ d/skip2/x", "d/ d/skip2"},
		{"bytes", []string{`a.b`, "\u4e2d\\.txt", `......\.txt`}, "a\nb \u4e2d.txt \u4e2d\u6587.txt", "\u4e2d\u6587\u6587.txt"},
		{"class of bytes", []string{`[\xe4-\xe6]+`, `\w+`}, "\xe4\xe5 abc", "\xe9 abc\xc3\xa9"},
		{"space is ASCII", []string{`\s+`}, "", "\xa0 \x85"},
		{"posix class", []string{`[[:digit:]]+\.log`}, "12.log", "x.log"},
		{"look-ahead and back-reference", []string{`(?=a)(.)\1`, `(?i)readme`}, "aa README ReadMe", "bb"},
		{"alternatives need a full match", []string{`a|ab`}, "a ab ab/", "abc"},
		{"group of one's own", []string{`a|b`}, "a b", "ab xb"},
		{"comment at the end", []string{`(?x)a b # c`}, "ab", "a b"},
		{"empty", []string{``}, "", "a a/"},
		{"keep one kind", []string{`(?!.*\.jpg$).*`}, "x.txt d/x.txt d/", "x.jpg"},
		{"look-behind", []string{`.*(?<!\.jpg)`}, "x.txt", "x.jpg"},
		{"negative look in a class", []string{`[(?!]+`}, "(!/ (!", "x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, problems := compile(t, c.exprs...)
			if len(problems) > 0 {
				t.Fatalf("problems %v", problems)
			}
			check := func(list string, want bool) {
				for p := range strings.SplitSeq(list, " ") {
					path := strings.TrimSuffix(p, "/")
					for range 2 { // the second time the answer comes from the cache
						if got := f.Excluded(path, path != p); got != want {
							t.Errorf("%q excluded: %v, want %v", p, got, want)
						}
					}
				}
			}
			check(c.in, c.in != "")
			check(c.out, false)
		})
	}
}

func TestFilterInvalidExpressionsAreSkippedAndReported(t *testing.T) {
	f, problems := compile(t, `*.php`, `(.*)\.gz`, `(unclosed`, `[z-a]`, `a{2,1}`, `a)(b`)
	want := []struct {
		line   int
		reason string
	}{
		{1, `The repeat operator "*" cannot start a regular expression.`},
		{3, `Unmatched marking parenthesis ( or \(.`},
		{4, `Invalid character class name, collating name, or character range.`},
		{5, `Invalid content of repeat range.`},
		{6, `Unmatched marking parenthesis ( or \(.`},
	}
	if len(problems) != len(want) {
		t.Fatalf("problems %v", problems)
	}
	for i, w := range want {
		if p := problems[i]; p.Expression.Line != w.line || p.Reason != w.reason {
			t.Errorf("problem %+v, want %+v", p, w)
		}
	}
	if f.Excluded("a.php", false) || !f.Excluded("a.gz", false) {
		t.Error("the other expressions do not stand")
	}
}

func TestFilterCatastrophicExpressionKeepsBackAndIsReportedOnce(t *testing.T) {
	f, _ := compile(t, `(a+)+b(?=)`, `x`)
	var reported []confxml.Expression
	f.OnTimeout = func(e confxml.Expression) { reported = append(reported, e) }
	f.rules[0].timeouts = maxTimeouts - 1
	f.rules[0].second.MatchTimeout = firstBudget
	for i := range 2 {
		start := time.Now()
		if !f.Excluded(strings.Repeat("a", 60)+string(rune('c'+i)), false) {
			t.Error("a path was let through that could not be judged")
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("the match took %v", took)
		}
	}
	f.rules[0].timeouts = 0
	f.Excluded(strings.Repeat("a", 60)+"z", false)
	if len(reported) != 1 || reported[0].Text != `(a+)+b(?=)` {
		t.Errorf("reported %v", reported)
	}
	if f.Excluded("harmless", false) {
		t.Error("other paths are held back too")
	}
}

func TestFilterCacheIsBounded(t *testing.T) {
	f, _ := compile(t, `no`)
	for i := range 3 * maxVerdicts {
		f.Excluded(strings.Repeat("d", i%200)+string(rune('0'+i%10))+"/"+time.Duration(i).String()+"/f", false)
	}
	if len(f.verdicts) > maxVerdicts {
		t.Errorf("%d verdicts", len(f.verdicts))
	}
}

func TestNilFilterExcludesNothing(t *testing.T) {
	var f *Filter
	if f.On() || f.Excluded("a", true) {
		t.Error("nil filter excludes")
	}
}

func TestTempName(t *testing.T) {
	for name, want := range map[string]bool{
		"a~": true, "~": true, ".x": true, ".": true, "4913": true,
		"~a": false, "49130": false, "x.swp": false, "a.": false, "a~b": false, "": false,
	} {
		if got := TempName(name); got != want {
			t.Errorf("TempName(%q) = %v", name, got)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range [][2]string{
		{`(.*)\.svn`, "a/b.svn"},
		{`^info/*`, "info/x"},
		{`(?!uploads).*`, "uploads/x"},
		{`[[:alpha:]]+`, "abc"},
		{"\xe4\xb8\xad", "\xe4\xb8\xad/\xff"},
		{`(a)\1(?<n>b)\k<n>`, "aabb"},
		{`\`, "x"},
		{`[`, "]"},
		{`(?x)a # b`, "a"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, expr, path string) {
		if len(expr) > 200 || len(path) > 200 {
			return
		}
		flt, problems := Compile([]confxml.Expression{{Text: expr, Line: 7}})
		if len(problems) > 1 || len(problems) == 1 && (flt.On() || problems[0].Expression.Line != 7) {
			t.Fatalf("problems %v", problems)
		}
		late := false
		flt.OnTimeout = func(confxml.Expression) { late = true }
		path = strings.Trim(path, "/")
		if flt.On() && flt.rules[0].fast != nil && ascii(path) && !strings.Contains(expr, "-[") {
			r := flt.rules[0]
			slow := flt.matchSlow(r, runes(path))
			if quick := flt.match(r, path, true); quick != slow && !late {
				t.Fatalf("the engines differ: %v and %v", quick, slow)
			}
		}
		dir := flt.Excluded(path, true)
		if dir && !flt.Excluded(path+"/below", false) {
			t.Fatal("an excluded directory has an entry that is not")
		}
		if !late && flt.Excluded(path, true) != dir {
			t.Fatal("the cache changes the verdict")
		}
	})
}

func BenchmarkFilterShipped(b *testing.B) {
	f, _ := compile(b, `(.*)\.svn`, `(.*)\.gz`, `^info/*`, `^static/*`)
	b.ReportAllocs()
	for b.Loop() {
		f.Excluded("srv/www/html/some-directory/picture-12345.jpg", false)
	}
}

func TestRejectingByTheEndsIsNeverWrong(t *testing.T) {
	expressions := []string{`(.*)\.gz`, `^info/*`, `/a/b`, `a`, `/`, `/.*`, `.*x/y`, `/x/y.gz`, `x/y.gz`, `/a|b`, `(?i)A`, `a/?`}
	paths := []string{"a", "b", "info", "x/y", "x/y.gz", "a/b", "y.gz", ".gz", "gz", "info/x", "A", "xx/y"}
	for _, expr := range expressions {
		f, problems := Compile([]confxml.Expression{{Text: expr}})
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		for _, p := range paths {
			r := f.rules[0]
			want := f.match(r, p, true) || f.match(r, "/"+p, true)
			if got := f.matches(p, false); got != want {
				t.Errorf("%q on %q: %v, want %v", expr, p, got, want)
			}
		}
	}
}
