package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestWhatCheckSaysIsInChinese: the table has each message and each remedy that the reader and the
// checks of a configuration write. This test does not see texts that a function returns in the form
// "cause; remedy".
func TestWhatCheckSaysIsInChinese(t *testing.T) {
	known := map[string]bool{}
	for _, e := range check {
		known[blank(e[0])] = true
	}
	for _, m := range entry.FindAllSubmatch(Script, -1) {
		if s, err := strconv.Unquote(string(m[2])); err == nil {
			known[blank(s)] = true
		}
	}
	var files []string
	for _, pattern := range []string{"../confxml/*.go", "../app/check*.go", "../app/leftout.go"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	said := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !slices.Contains([]string{"warn", "fault", "warnOnce", "say", "add", "note", "refuse"}, name(call.Fun)) || len(call.Args) < 2 {
				return true
			}
			texts := call.Args
			if name(call.Fun) != "refuse" { // the first argument of refuse may be a text already
				texts = texts[2:]
			}
			for _, arg := range texts {
				text := sentence(arg)
				if strings.Trim(text, "{} ") == "" || slices.Contains([]string{"passwordfile", "missing: {}", "write one of {}"}, text) {
					continue
				}
				said++
				if !known[text] {
					t.Errorf("%s: %q is not in the table", set.Position(arg.Pos()), text)
				}
			}
			return true
		})
	}
	if said < 90 {
		t.Errorf("only %d texts were found", said)
	}
}

// blank is a text with {} in place of each part that is filled in.
func blank(text string) string { return word.ReplaceAllString(text, "{}") }

var verb = regexp.MustCompile(`%(04)?[a-z]`)

// sentence is the text that an expression gives, with {} in place of each part that is filled in.
func sentence(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil {
			return s
		}
	case *ast.CallExpr:
		if name(e.Fun) == "Sprintf" {
			return verb.ReplaceAllString(sentence(e.Args[0]), "{}")
		}
	case *ast.BinaryExpr:
		return strings.ReplaceAll(sentence(e.X)+sentence(e.Y), "{}{}", "{}")
	}
	return "{}"
}

func TestCheckTable(t *testing.T) {
	for _, tc := range []struct{ english, chinese string }{
		{`"x;y" is not one host`, `"x;y" 不是单个主机`},
		{`"yes" is unknown: "true" is used`, `"yes" 未知：取 "true"`},
		{`"yes" is unknown: it is ignored`, `"yes" 未知：被忽略`},
		{`"/data" does not exist`, `"/data" 不存在`},
		{"full sync every 600 minutes", "每 600 分钟全量同步一次"},
		{"$HOME is empty: there is no such variable in the environment", "$HOME 为空：环境中没有这个变量"},
		{"what nobody has translated", "what nobody has translated"},
	} {
		if got := Chinese(tc.english); got != tc.chinese {
			t.Errorf("%q is %q, want %q", tc.english, got, tc.chinese)
		}
	}
}
