package docs

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// These are the bounds for every type of the product. Bools that are independent switches, each
// with a meaning of its own, are not a state: the types that have many of them are listed below,
// with a reason.
const (
	mostMethods = 40
	mostFields  = 20
	mostBools   = 3
)

// wider are the types that exceed these bounds, each with bounds of its own, which may only become
// smaller. A zero stands for the bound of all types.
var wider = map[string]shape{
	"pkg/transport.Batch":           {bools: 10, why: "what one run is to do, one by one"},
	"pkg/transport.Terms":           {bools: 10, why: "what the user's parameters ask, one by one"},
	"pkg/status.Lane":               {fields: 30, why: "the figures of a lane, one by one"},
	"pkg/executor/carry.standing":   {bools: 4},
	"pkg/executor/fullsync.Request": {bools: 4},
	"pkg/executor.Options":          {fields: 28, why: "options"},
	"pkg/transport/rsync.Params":    {fields: 28, bools: 19, why: "options of rsync"},
	"pkg/transport.Change":          {bools: 6, why: "the letters of an itemized change"},
	"pkg/transport/rsync.rule":      {bools: 4, why: "the modifiers of a filter rule"},
	"pkg/confxml.Switches":          {bools: 8, why: "switches of the configuration"},
	"pkg/cli.Options":               {bools: 7, why: "options of the command line"},
	"pkg/transport.Capabilities":    {bools: 5, why: "what a remote can do, one by one"},
}

// shape is the number of methods, fields and bools of a type.
type shape struct {
	methods, fields, bools int
	why                    string // only in wider: the reason for the wider bound
}

// TestTypesStaySmall counts the methods, fields and bools of every struct below cmd and pkg. An
// embedded type counts as one field.
func TestTypesStaySmall(t *testing.T) {
	types := map[string]*shape{}
	at := func(dir, name string) *shape {
		key := dir + "." + name
		if types[key] == nil {
			types[key] = &shape{}
		}
		return types[key]
	}
	for _, top := range []string{"cmd", "pkg"} {
		err := filepath.WalkDir(filepath.Join("../..", top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			dir := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../../")
			for _, decl := range file.Decls {
				switch decl := decl.(type) {
				case *ast.FuncDecl:
					if decl.Recv != nil {
						at(dir, receiver(decl.Recv.List[0].Type)).methods++
					}
				case *ast.GenDecl:
					for _, spec := range decl.Specs {
						if named, ok := spec.(*ast.TypeSpec); ok {
							at(dir, named.Name.Name).take(named.Type)
						}
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		what string
		aim  int
		of   func(shape) int
	}{
		{"methods", mostMethods, func(s shape) int { return s.methods }},
		{"fields", mostFields, func(s shape) int { return s.fields }},
		{"bools", mostBools, func(s shape) int { return s.bools }},
	} {
		names := slices.SortedFunc(maps.Keys(types), func(a, b string) int {
			return cmp.Or(cmp.Compare(c.of(*types[b]), c.of(*types[a])), strings.Compare(a, b))
		})
		for i, name := range names {
			got, bound := c.of(*types[name]), c.of(wider[name])
			if i < 8 {
				t.Logf("%s: %d %s", name, got, c.what)
			}
			switch {
			case got > max(bound, c.aim):
				t.Errorf("%s has %d %s, at most %d are allowed", name, got, c.what, max(bound, c.aim))
			case got < bound:
				t.Logf("%s has only %d %s: tighten its bound of %d", name, got, c.what, bound)
			}
		}
	}
	for name := range wider {
		if types[name] == nil {
			t.Logf("there is no type %s any more: take its bound away", name)
		}
	}
}

// take counts the fields of a struct; other types have none.
func (s *shape) take(typ ast.Expr) {
	fields, ok := typ.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range fields.Fields.List {
		n := max(len(f.Names), 1)
		s.fields += n
		if id, ok := f.Type.(*ast.Ident); ok && id.Name == "bool" {
			s.bools += n
		}
	}
}

// receiver is the name of the type that has a method.
func receiver(typ ast.Expr) string {
	switch typ := typ.(type) {
	case *ast.StarExpr:
		return receiver(typ.X)
	case *ast.IndexExpr:
		return receiver(typ.X)
	case *ast.Ident:
		return typ.Name
	}
	return ""
}
