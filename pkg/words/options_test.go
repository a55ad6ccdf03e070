package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestWhatOptionsSayIsInChinese: the table has each cause and each remedy that package rsyncopts
// gives for an option. These are the texts in which a semicolon separates the cause from its
// remedy, and those of a Remark.
func TestWhatOptionsSayIsInChinese(t *testing.T) {
	known := map[string]bool{}
	for _, e := range append(check, options...) {
		known[blank(e[0])] = true
	}
	files, err := filepath.Glob("../rsyncopts/*.go")
	if err != nil {
		t.Fatal(err)
	}
	said := 0
	say := func(where token.Position, text string) {
		said++
		if !known[text] {
			t.Errorf("%s: %q is not in the table", where, text)
		}
	}
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
			switch n := n.(type) {
			case *ast.CompositeLit:
				if id, ok := n.Type.(*ast.Ident); ok && id.Name == "Remark" {
					for _, e := range n.Elts {
						text := strings.TrimPrefix(optionText(e), "{}: ")
						if _, named := e.(*ast.Ident); !named && strings.Trim(text, "{}- ") != "" {
							say(set.Position(e.Pos()), text)
						}
					}
					return false
				}
			case ast.Expr:
				if cause, remedy, both := strings.Cut(optionText(n), "; "); both && cause != "" {
					say(set.Position(n.Pos()), cause)
					say(set.Position(n.Pos()), remedy)
					return false
				}
			}
			return true
		})
	}
	if said < 70 {
		t.Errorf("only %d texts were found", said)
	}
}

// optionText is the text that an expression gives, with {} in place of each part that is filled in.
func optionText(e ast.Expr) string {
	if call, ok := e.(*ast.CallExpr); ok && name(call.Fun) == "Errorf" && len(call.Args) > 0 {
		if text, ok := call.Args[0].(*ast.BasicLit); ok {
			if s, err := strconv.Unquote(text.Value); err == nil {
				return verb.ReplaceAllString(s, "{}")
			}
		}
	}
	return sentence(e)
}

// TestOptionsInChinese has options in the form in which a configuration has them.
func TestOptionsInChinese(t *testing.T) {
	for english, want := range map[string]string{
		"did you mean --archive?": "是否想写 --archive？",
		"/d/log lies in the watch root, so that writing it is a change to sync, without end": "/d/log 位于被监控目录之内，写入它本身就是需要同步的变更，会无休止地循环",
		"-e needs a value": "-e 需要一个值",
		"with one dash each letter is an option of its own, which is not --delete": "只有一个短横线时，每个字母各是一个选项，与 --delete 不同",
	} {
		if got := Chinese(english); got != want {
			t.Errorf("%q is %q, want %q", english, got, want)
		}
	}
}
