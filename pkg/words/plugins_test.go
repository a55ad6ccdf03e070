package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestWhatPluginsSayIsInChinese: the table has each cause and each remedy that a plugin gives for a
// mistake in its element. Texts of the system or of a library are not translated.
func TestWhatPluginsSayIsInChinese(t *testing.T) {
	known := map[string]bool{}
	for _, e := range slices.Concat(check, options, pluginErrors) {
		known[blank(e[0])] = true
	}
	said := 0
	say := func(where token.Position, text string) {
		if strings.Trim(text, "{}: ") == "" {
			return
		}
		said++
		// A pattern like "{1}" takes the whole argument, with the text around it.
		if !known[text] && !known[strings.ReplaceAll(text, "{}={}", "{}")] {
			t.Errorf("%s: %q is not in the table", where, text)
		}
	}
	var files []string
	for _, pattern := range []string{"../plugins/*.go", "../plugins/*/*.go"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
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
		both := func(e ast.Expr) {
			text := sentence(e)
			if strings.HasPrefix(text, "write one of: ") {
				text = "write one of: {}"
			}
			cause, remedy, _ := strings.Cut(text, "; ")
			for _, text := range []string{cause, remedy} {
				for _, part := range []string{"write one of: ", "write for example "} {
					if strings.HasPrefix(text, part) {
						text = part + "{}"
					}
				}
				if strings.HasPrefix(text, "write a number from ") {
					text = "write a number from {} to {}"
				}
				say(set.Position(e.Pos()), text)
			}
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				switch fun := name(n.Fun); {
				case fun == "Fail" && len(n.Args) > 1:
					both(n.Args[1])
				case fun == "FailAt" && len(n.Args) > 2:
					both(n.Args[2])
				}
			case *ast.KeyValueExpr:
				if name(n.Key) == "Message" {
					both(n.Value)
				}
			}
			return true
		})
	}
	if said < 25 {
		t.Errorf("only %d texts were found", said)
	}
}

// TestPluginErrorsInChinese has mistakes as real configurations make them.
func TestPluginErrorsInChinese(t *testing.T) {
	for english, want := range map[string]string{
		`"0" is not a port`:                                       `"0" 不是端口`,
		"write a number from 1 to 65535":                          "写 1 到 65535 之间的数",
		`write for example ip="192.168.138.20"`:                   `例如写成 ip="192.168.138.20"`,
		"write one of: raw, lines, nul":                           "写其中之一：raw, lines, nul",
		"is not known and has no effect":                          "未知，不起作用",
		`there is no <plugin name="socket"> element below <head>`: `<head> 下没有 <plugin name="socket"> 元素`,
	} {
		if got := Chinese(english); got != want {
			t.Errorf("%q is %q, want %q", english, got, want)
		}
	}
}
