package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestEveryCauseIsInChinese: the table has each sentence that the code gives as a reason or a
// remedy of a lane, a watch root or a note. This test does not see sentences that are put together
// from parts.
func TestEveryCauseIsInChinese(t *testing.T) {
	known := map[string]bool{}
	for _, m := range entry.FindAllSubmatch(Script, -1) {
		sentence, err := strconv.Unquote(string(m[2]))
		if err != nil {
			t.Fatal(err)
		}
		known[sentence] = true
	}
	said := map[string]string{} // for each sentence the place where the code says it
	for _, dir := range []string{"transport/rsync", "transport/rsync/session", "transport/stream", "executor", "brake", "watchroot", "daemon", "instance", "notes", "records", "status"} {
		files, err := filepath.Glob("../" + dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") && filepath.Base(file) != "check.go" { // --check writes English
				sentences(t, file, said)
			}
		}
	}
	if len(said) < 80 {
		t.Errorf("only %d sentences found", len(said))
	}
	for sentence, where := range said {
		if !known[sentence] {
			t.Errorf("%s: %q is not in said.js", where, sentence)
		}
	}
}

// sentences adds the literals that a file gives as reasons and remedies.
func sentences(t *testing.T, file string, said map[string]string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, text, 0)
	if err != nil {
		t.Fatal(err)
	}
	add := func(e ast.Expr) {
		literal, ok := e.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return
		}
		if s, err := strconv.Unquote(literal.Value); err == nil && s != "" {
			said[s] = set.Position(literal.Pos()).String()
		}
	}
	cause := func(e ast.Expr) bool {
		return slices.Contains([]string{"Reason", "Remedy", "reason", "remedy"}, name(e))
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if cause(left) && len(n.Lhs) == len(n.Rhs) {
					add(n.Rhs[i])
				}
			}
		case *ast.KeyValueExpr:
			if cause(n.Key) {
				add(n.Value)
			}
		case *ast.CallExpr:
			switch name(n.Fun) {
			case "fill": // the text, and then the values for its braces
				if len(n.Args) > 0 { // the batch of a stream has a method of the same name
					add(n.Args[0])
				}
			case "says": // the expression, and then the reason and the remedies
				for _, arg := range n.Args[1:] {
					add(arg)
				}
			case "withoutUser":
				add(n.Args[0])
			}
		}
		return true
	})
}

// name is the last part of an identifier.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
