package transporttest

import (
	"os"
	"path/filepath"
	"time"

	"github.com/sersync/sersync/pkg/transport"
)

// elsewhere: a moved file is linked where its old copy is equal in size and time, and sent
// otherwise; nothing changes at the old place.
func (b *bench) elsewhere() {
	if b.Terms().Reuses == nil || !b.Terms().Reuses("old", "a/new") {
		b.Fatal("for a remote whose terms have Reuses")
	}
	for _, path := range []string{"-a/new", "a/new\n", "x*", "y[1]"} {
		if b.Terms().Reuses("old", path) {
			b.Errorf("%q may be named", path)
		}
	}
	then := time.Unix(1_600_000_000, 0)
	for name, there := range map[string]string{"same": "text", "sub/same": "text", "written": "TEXT", "larger": "longer"} {
		b.write(b.Here, "a/new/"+name, "text")
		b.write(b.Copies, "old/"+name, there)
		b.time(b.Here, "a/new/"+name, then)
		b.time(b.Copies, "old/"+name, then)
	}
	b.time(b.Here, "a/new/written", then.Add(time.Hour))
	b.write(b.Here, "a/new/added", "text")
	b.do(transport.Batch{Kind: transport.Send, MayDelete: true}, "a/new")
	tree := transport.Batch{Kind: transport.Tree, MayDelete: true, Reuse: transport.Reuse{Of: "old", At: "a/new", Linked: true}}
	r, told := b.do(tree, "a/new")
	if r.Class != transport.Done || !r.Added.Has(transport.Elsewhere) || told["a/new/same"].Sent || told["a/new/sub/same"].Sent ||
		!told["a/new/written"].Sent || !told["a/new/larger"].Sent || !told["a/new/added"].Sent {
		b.Errorf("%v %q, told of %+v", r.Class, r.Detail, told)
	}
	for _, name := range []string{"same", "sub/same", "written", "larger", "added"} {
		b.is("a/new/"+name, "text")
	}
	b.is("old/written", "TEXT")
	b.is("old/larger", "longer")

	b.write(b.Here, "b/f", "text")
	b.write(b.Copies, "c/f", "text")
	b.time(b.Here, "b/f", then)
	b.time(b.Copies, "c/f", then)
	b.do(transport.Batch{Kind: transport.Send, MayDelete: true}, "b")
	file := transport.Batch{Kind: transport.Send, MayDelete: true, Reuse: transport.Reuse{Of: "c", At: "b", Linked: true}}
	if r, told := b.do(file, "b/f"); r.Class != transport.Done || told["b/f"].Sent {
		b.Errorf("%v %q, told of %+v", r.Class, r.Detail, told)
	}
	b.is("b/f", "text")
	file.Of = "nowhere"
	b.write(b.Here, "b/g", "text")
	if r, told := b.do(file, "b/g"); r.Class != transport.Done || !told["b/g"].Sent {
		b.Errorf("%v %q, told of %+v", r.Class, r.Detail, told)
	}
	b.is("b/g", "text")
	similar := send()
	similar.Similar = true
	b.write(b.Here, "b/h", "text")
	if r, _ := b.do(similar, "b/h"); r.Class != transport.Done {
		b.Errorf("%v %q", r.Class, r.Detail)
	}
	b.is("b/h", "text")
	tree.Caps = tree.Caps.Lacking(transport.Elsewhere)
	b.write(b.Here, "a/new/one more", "text")
	if r, told := b.do(tree, "a/new"); r.Class != transport.Done || !told["a/new/one more"].Sent || r.Added.Has(transport.Elsewhere) {
		b.Errorf("%v %q, told of %+v", r.Class, r.Detail, told)
	}
	b.is("a/new/one more", "text")
}

// elsewhereListed: a list has moved files linked in the same way, and nothing that it does not name
// is sent; the name of the directory that the run begins in names all its entries.
func (b *bench) elsewhereListed() {
	then := time.Unix(1_600_000_000, 0)
	for name, there := range map[string]string{"same": "text", "sub/same": "text", "written": "TEXT"} {
		b.write(b.Here, "a/new/"+name, "text")
		b.time(b.Here, "a/new/"+name, then)
		b.write(b.Copies, "old/"+name, there)
		b.time(b.Copies, "old/"+name, then)
	}
	b.time(b.Here, "a/new/written", then.Add(time.Hour))
	for _, name := range []string{"#new", ";new", "kept/out", "out"} {
		b.write(b.Here, "a/new/"+name, "text")
	}
	b.write(b.Copies, "old/out", "text")
	b.write(b.Copies, "old/kept/out", "text")
	b.do(transport.Batch{Kind: transport.Send, MayDelete: true}, "a/new")
	list := transport.Batch{Kind: transport.Send, MayDelete: true, Reuse: transport.Reuse{Of: "old", At: "a/new", Linked: true}}
	r, told := b.do(list, "a/new/same", "a/new/sub", "a/new/sub/same", "a/new/written", "a/new/#new", "a/new/;new", "a/new/kept")
	if r.Class != transport.Done || !r.Added.Has(transport.Elsewhere) || told["a/new/same"].Sent || told["a/new/sub/same"].Sent ||
		!told["a/new/written"].Sent || !told["a/new/#new"].Sent {
		b.Errorf("%v %q, told of %+v", r.Class, r.Detail, told)
	}
	for _, name := range []string{"same", "sub/same", "written", "#new", ";new"} {
		b.is("a/new/"+name, "text")
	}
	b.is("a/new/out", "")
	b.is("a/new/kept/out", "")
	b.is("old/written", "TEXT")
	b.do(list, "a/new")
	b.is("a/new/out", "text")
	b.is("a/new/kept/out", "")
}

// anew: an equal file is sent, and has a file of its own then.
func (b *bench) anew() {
	then := time.Unix(1_600_000_000, 0)
	b.write(b.Here, "d/f", "text")
	b.write(b.Copies, "d/f", "text")
	if err := os.Link(filepath.Join(b.Copies, "d/f"), filepath.Join(b.Copies, "other")); err != nil {
		b.Fatal(err)
	}
	b.time(b.Here, "d/f", then)
	b.time(b.Copies, "d/f", then)
	for _, kind := range []transport.Kind{transport.Tree, transport.Send} {
		name := map[transport.Kind]string{transport.Tree: "d", transport.Send: "d/f"}[kind]
		r, told := b.do(transport.Batch{Kind: kind, MayDelete: true, Reuse: transport.Reuse{Anew: true}}, name)
		if r.Class != transport.Done || !told["d/f"].Sent {
			b.Errorf("%v: %v %q, told of %+v", kind, r.Class, r.Detail, told)
		}
	}
	b.is("d/f", "text")
	mine, err := os.Stat(filepath.Join(b.Copies, "d/f"))
	other, err2 := os.Stat(filepath.Join(b.Copies, "other"))
	if err != nil || err2 != nil || os.SameFile(mine, other) {
		b.Errorf("it still shares its file: %v, %v", err, err2)
	}
}
