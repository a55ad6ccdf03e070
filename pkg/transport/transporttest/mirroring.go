package transporttest

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sersync/sersync/pkg/transport"
)

// mirrors are the tests of a transport that compares, replaces and deletes by the rules of rsync.
var mirrors = map[string]func(*bench){
	"a copy that is newer stays":                      (*bench).newer,
	"contents are compared where they are to be":      (*bench).twins,
	"what makes way, and what does not":               (*bench).way,
	"a tree loses what it is to lose":                 (*bench).inside,
	"what is gone here is named, and deleted by name": (*bench).gone,
	"names that are to go come in any order":          (*bench).exact,
	"a survey tells what stands in the way":           (*bench).hidden,
	"what patterns match is left alone":               (*bench).patterns,
	"what is hidden is something else":                (*bench).hides,
	"times are compared as finely as can be":          (*bench).fine,
	"the watch root, alone and with what is in it":    (*bench).root,
	"what went before its turn is no failure":         (*bench).raced,
	"files get the times of the copies":               (*bench).stamps,
	"a comparison of everything changes nothing":      (*bench).compares,
	"what is too large is left out":                   (*bench).sizes,
	"a link is sent as a link":                        (*bench).links,
	"what the remote has elsewhere is not sent":       (*bench).elsewhere,
	"a file is sent anew":                             (*bench).anew,
}

// time gives a file or link a time.
func (b *bench) time(dir, name string, at time.Time) {
	b.Helper()
	if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) write(dir, name, text string) {
	b.Helper()
	file := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o750), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		b.Fatal(err)
	}
}

// is fails the test unless the remote has that text, or nothing of that name ("").
func (b *bench) is(name, text string) {
	b.Helper()
	data, err := os.ReadFile(filepath.Join(b.Copies, name))
	if err != nil && !os.IsNotExist(err) {
		b.Error(err)
	}
	if string(data) != text {
		b.Errorf("%s is %q, want %q", name, data, text)
	}
}

// do carries a call that need not come to its end, and returns what was told.
func (b *bench) do(batch transport.Batch, names ...string) (transport.Result, map[string]transport.Change) {
	b.Helper()
	told := map[string]transport.Change{}
	trip, err := b.Do(b.Context(), transport.Call{
		Batch: batch, Names: names, Changed: func(c transport.Change) { told[c.Path] = c }, Void: func() { clear(told) },
	})
	if err != nil {
		b.Fatal(err)
	}
	return trip.Result, told
}

// newer: with Terms.Update a newer copy on the remote stays, unless the batch lifts that.
func (b *bench) newer() {
	if !b.Terms().Update {
		b.Fatal("for a remote whose terms have Update")
	}
	then := time.Unix(1_600_000_000, 100)
	for name, there := range map[string]time.Duration{"older": -time.Second, "earlier": -50, "later": 50, "newer": time.Second} {
		b.write(b.Here, name, "here")
		b.write(b.Copies, name, "copy")
		b.time(b.Here, name, then)
		b.time(b.Copies, name, then.Add(there))
	}
	all := []string{"older", "earlier", "later", "newer"}
	batch := send()
	batch.KeepSecond = true
	b.do(batch, "earlier", "later", "newer")
	b.is("earlier", "copy")
	b.is("later", "copy")
	b.is("newer", "copy")
	b.do(send(), all...)
	b.is("older", "here")
	b.is("earlier", "here")
	b.is("later", "here")
	b.is("newer", "copy")
	batch.LiftUpdate = true
	b.do(batch, all...)
	b.is("newer", "here")
}

// twins: of equal size and time, other contents show only where contents are compared,
// and what is equal is not sent.
func (b *bench) twins() {
	then := time.Unix(1_600_000_000, 0)
	for _, name := range []string{"twin", "equal"} {
		b.write(b.Here, name, "here")
		b.write(b.Copies, name, map[string]string{"twin": "copy", "equal": "here"}[name])
		b.time(b.Here, name, then)
		b.time(b.Copies, name, then)
	}
	batch := send()
	batch.Contents = false
	if _, told := b.do(batch, "twin", "equal"); len(told) > 0 {
		b.Errorf("told of %v", told)
	}
	b.time(b.Copies, "equal", then.Add(-time.Hour))
	if _, told := b.do(send(), "twin", "equal"); !told["twin"].Sent || told["equal"].Sent || !told["equal"].OnlyTime {
		b.Errorf("told of %+v", told)
	}
	b.is("twin", "here")
	if info, err := os.Stat(filepath.Join(b.Copies, "equal")); err != nil || !info.ModTime().Equal(then) {
		b.Errorf("the time of what is equal was not set: %v", err)
	}
}

// way: a directory is replaced by a file where deletions are allowed, otherwise that path fails; a
// file is always replaced by a directory.
func (b *bench) way() {
	b.write(b.Here, "d", "a file")
	b.write(b.Copies, "d/in", "copy")
	b.write(b.Here, "f/in", "here")
	b.write(b.Copies, "f", "copy")
	batch := send()
	batch.MayDelete = false
	r, _ := b.do(batch, "d", "f/in")
	if r.Class != transport.Partly || len(r.Failed) != 1 || r.Failed[0].Path != "d" || !r.Failed[0].Remote {
		b.Errorf("%v %+v", r.Class, r.Failed)
	}
	b.is("d/in", "copy")
	b.is("f/in", "here")
	if r, told := b.do(send(), "d"); r.Class != transport.Done || !told["d"].Sent || !told["d/in"].Deleted {
		b.Errorf("%v %+v, told %+v", r.Class, r.Failed, told)
	}
	b.is("d", "a file")
}

// inside: in a tree the remote loses what is gone here only where the batch says so.
func (b *bench) inside() {
	b.write(b.Here, "d/stays", "1")
	b.write(b.Copies, "d/gone/x", "1")
	b.do(transport.Batch{Kind: transport.Tree, MayDelete: true}, "d")
	b.is("d/gone/x", "1")
	_, told := b.do(transport.Batch{Kind: transport.Tree, MayDelete: true, DeleteInside: true}, "d")
	if !told["d/gone"].Deleted || !told["d/gone/x"].Deleted {
		b.Errorf("told %+v", told)
	}
	b.is("d/gone/x", "")
	b.is("d/stays", "1")
}

// gone: a survey names everything below what is gone here; a deletion of exactly these names leaves
// a directory in which something is left.
func (b *bench) gone() {
	b.write(b.Copies, "d/a", "1")
	b.write(b.Copies, "d/b", "1")
	r, told := b.do(transport.Batch{Kind: transport.SurveyGone}, "d", "never")
	if r.Class > transport.Again || !told["d"].Deleted || !told["d/a"].Deleted || !told["d/b"].Deleted || told["never"].Deleted {
		b.Errorf("%v, told %+v", r.Class, told)
	}
	r, _ = b.do(transport.Batch{Kind: transport.Delete, Exact: true, MayDelete: true}, "d/a", "d")
	left := slices.ContainsFunc(r.Failed, func(e transport.PathError) bool { return e.Path != "d" || !e.NotEmpty() })
	if r.Class > transport.Again || left {
		b.Errorf("%v %+v", r.Class, r.Failed)
	}
	b.is("d/a", "")
	b.is("d/b", "1")
	if _, told := b.do(transport.Batch{Kind: transport.Delete, MayDelete: true}, "d"); !told["d"].Deleted || !told["d/b"].Deleted {
		b.Errorf("told %+v", told)
	}
	if b.There("d") {
		b.Error("d is there")
	}
}

// hidden: a survey names what is in the way of an entry of this host, and what would be made in the
// place of something else.
func (b *bench) hidden() {
	b.write(b.Here, "d/f", "a file")
	b.write(b.Copies, "d/f/in", "copy")
	b.write(b.Here, "d/e/in", "here")
	b.write(b.Copies, "d/e", "copy")
	for _, kind := range []transport.Kind{transport.Survey, transport.SurveyTrees, transport.SurveyFlat} {
		names := []string{"d"}
		if kind == transport.Survey {
			names = nil
		}
		r, told := b.do(transport.Batch{Kind: kind, MayDelete: true}, names...)
		if r.Class != transport.Done || !told["d/f/in"].Deleted || told["d/f"].Deleted || !told["d/f"].Sent || !told["d/e"].Sent || !told["d/e"].Dir || told["d/e"].Deleted {
			b.Errorf("%v: %v, told %+v", kind, r.Class, told)
		}
	}
	b.is("d/f/in", "copy")
	b.is("d/e", "copy")
}

// exact: names that are to be deleted alone may come in any order.
func (b *bench) exact() {
	b.write(b.Copies, "d/e/f", "1")
	b.write(b.Copies, "keep", "1")
	if r, _ := b.do(transport.Batch{Kind: transport.Delete, Exact: true, MayDelete: true}, "d", "d/e", "d/e/f"); r.Class > transport.Again {
		b.Errorf("%v %+v", r.Class, r.Failed)
	}
	if b.There("d") || !b.There("keep") {
		b.Errorf("d is there: %v, keep: %v", b.There("d"), b.There("keep"))
	}
}

// patterns: what the patterns of a batch match is neither sent nor reported, and a directory that
// holds such an entry stays.
func (b *bench) patterns() {
	b.write(b.Here, "new", "1")
	b.write(b.Here, "new.keep", "1")
	for _, name := range []string{"gone/x", "gone/y.keep", "whole/x", "z.keep"} {
		b.write(b.Copies, name, "1")
	}
	excludes := []string{"*.keep"}
	b.do(transport.Batch{Kind: transport.Full, MayDelete: true, Excludes: excludes})
	b.is("new", "1")
	b.is("new.keep", "")
	for kind, names := range map[transport.Kind][]string{transport.Survey: nil, transport.SurveyGone: {"gone", "whole"}} {
		r, told := b.do(transport.Batch{Kind: kind, MayDelete: true, Excludes: excludes}, names...)
		if r.Class > transport.Again || !told["gone/x"].Deleted || !told["whole"].Deleted || !told["whole/x"].Deleted ||
			told["gone"].Deleted || told["gone/y.keep"].Deleted || told["z.keep"].Deleted {
			b.Errorf("%v: %v, told %+v", kind, r.Class, told)
		}
	}
}

// hides: what is hidden here is something else that has the name of what is to be deleted.
func (b *bench) hides() {
	b.write(b.Here, "skip/in", "another's")
	b.write(b.Copies, "skip", "1")
	b.write(b.Here, "b/skip/in", "another's")
	b.write(b.Copies, "b/skip/in", "theirs")
	r, _ := b.do(transport.Batch{Kind: transport.Delete, Exact: true, MayDelete: true, Hidden: []string{"skip", "b/skip"}}, "skip", "b/skip")
	left := slices.ContainsFunc(r.Failed, func(e transport.PathError) bool { return e.Path != "b/skip" || !e.NotEmpty() })
	if r.Class > transport.Again && r.Class != transport.Partly || left {
		b.Errorf("%v %+v", r.Class, r.Failed)
	}
	b.is("skip", "")
	b.is("b/skip/in", "theirs")
}

// fine: how times are compared depends on the batch and on what the remote keeps of a time.
func (b *bench) fine() {
	then := time.Unix(1_600_000_000, 500)
	b.write(b.Here, "f", "here")
	b.write(b.Copies, "f", "here")
	b.time(b.Here, "f", then)
	b.time(b.Copies, "f", then.Add(-100))
	compare := transport.Batch{Kind: transport.Send, Verify: true, Updating: transport.Updating{LiftUpdate: true}}
	if _, told := b.do(compare, "f"); !told["f"].OnlyTime {
		b.Errorf("by the nanosecond: %+v", told)
	}
	compare.Caps = compare.Caps.Lacking(transport.Nanoseconds)
	if _, told := b.do(compare, "f"); len(told) > 0 {
		b.Errorf("by the second: %+v", told)
	}
	b.time(b.Copies, "f", then.Add(-time.Second))
	if _, told := b.do(compare, "f"); !told["f"].OnlyTime {
		b.Errorf("one second: %+v", told)
	}
	compare.Caps = transport.Capabilities{Grain: transport.GrainTwoSeconds}
	if _, told := b.do(compare, "f"); len(told) > 0 {
		b.Errorf("one second, where every other one is kept: %+v", told)
	}
	b.time(b.Copies, "f", then.Add(-100))
	b.do(transport.Batch{Kind: transport.Send, Attributes: true}, "f")
	if info, err := os.Stat(filepath.Join(b.Copies, "f")); err != nil || !info.ModTime().Equal(then) {
		b.Errorf("attributes: %v, want %v", info.ModTime(), then)
	}
}

// root: a batch for the watch root sends each entry of it, and none of them if the root goes alone.
func (b *bench) root() {
	b.write(b.Here, "d/in", "1")
	b.write(b.Here, "f", "1")
	batch := send()
	batch.RootAlone = true
	b.do(batch, "")
	b.is("f", "")
	batch.RootAlone = false
	b.do(batch, "")
	b.is("f", "1")
	b.is("d/in", "")
	if !b.There("d") {
		b.Error("d is not there")
	}
}

// raced: a path that disappears here before its turn is no failure, and the rest arrives.
func (b *bench) raced() {
	b.write(b.Here, "f", "1")
	if r, _ := b.do(send(), "went", "f"); r.Class != transport.Again || len(r.Failed) > 0 {
		b.Errorf("%v %+v", r.Class, r.Failed)
	}
	b.is("f", "1")
}

// stamps: files of a scratch directory get the times of the copies of their size.
func (b *bench) stamps() {
	then := time.Unix(1_600_000_000, 123_000_000)
	b.write(b.Copies, "d/same", "four")
	b.write(b.Copies, "d/other", "longer")
	b.time(b.Copies, "d/same", then)
	b.time(b.Copies, "d/other", then)
	dir := b.TempDir()
	for _, name := range []string{"d/same", "d/other"} {
		b.write(dir, name, "    ")
		b.time(dir, name, time.Unix(1, 0))
	}
	trip, err := b.Do(b.Context(), transport.Call{
		Batch: transport.Batch{Kind: transport.Stamps, MaxSize: 4}, Names: []string{"d/same", "d/other"}, Scratch: dir,
	})
	if err != nil || trip.Result.Class > transport.Again && trip.Result.Class != transport.Partly {
		b.Errorf("%v, %v", trip.Result.Class, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "d/same")); err != nil || !info.ModTime().Equal(then) {
		b.Errorf("%v, %v, want %v", info.ModTime(), err, then)
	}
	if info, err := os.Stat(filepath.Join(dir, "d/other")); err != nil || info.ModTime().Equal(then) {
		b.Errorf("another size got the time: %v", err)
	}
}

// compares: a comparison of everything names what differs and changes nothing.
func (b *bench) compares() {
	b.write(b.Here, "new", "1")
	b.write(b.Here, "d/other", "12")
	b.write(b.Copies, "d/other", "1")
	b.write(b.Copies, "d/only/x", "1")
	for _, batch := range []transport.Batch{
		{Kind: transport.Full, Verify: true, MayDelete: true, Updating: transport.Updating{LiftUpdate: true}},
		{Kind: transport.Survey, MayDelete: true, Updating: transport.Updating{LiftUpdate: true}},
	} {
		r, told := b.do(batch)
		if r.Class != transport.Done || !told["new"].Sent || !told["new"].New || !told["d/other"].Sent || told["d/other"].New {
			b.Errorf("%v: %v, told %+v", batch.Kind, r.Class, told)
		}
		if asks := batch.Kind == transport.Survey; told["d/only"].Deleted != asks || told["d/only/x"].Deleted != asks {
			b.Errorf("%v: told %+v", batch.Kind, told)
		}
	}
	b.is("new", "")
	b.is("d/other", "1")
	b.is("d/only/x", "1")
}

// sizes: a file that is larger than the batch allows is left out without a complaint.
func (b *bench) sizes() {
	b.write(b.Here, "small", "1")
	b.write(b.Here, "large", "12345")
	batch := send()
	batch.MaxSize = 4
	if r, told := b.do(batch, "small", "large"); r.Class != transport.Done || !told["small"].Sent || told["large"].Sent {
		b.Errorf("%v, told %+v", r.Class, told)
	}
	b.is("small", "1")
	b.is("large", "")
}

// links: a link is sent as a link, and replaces what has its name there.
func (b *bench) links() {
	if err := os.Symlink("to", filepath.Join(b.Here, "l")); err != nil {
		b.Fatal(err)
	}
	b.write(b.Copies, "l", "copy")
	if r, told := b.do(send(), "l"); r.Class != transport.Done || !told["l"].Link || !told["l"].Sent {
		b.Errorf("%v, told %+v", r.Class, told)
	}
	if to, err := os.Readlink(filepath.Join(b.Copies, "l")); err != nil || !strings.HasSuffix(to, "to") {
		b.Errorf("%q, %v", to, err)
	}
	if _, told := b.do(send(), "l"); told["l"].Sent {
		b.Errorf("again: %+v", told)
	}
}

// elsewhere: a moved file is linked where its old copy is equal in size and time, and sent
// otherwise; nothing changes at the old place.
func (b *bench) elsewhere() {
	if b.Terms().Reuses == nil || !b.Terms().Reuses("a/new") {
		b.Fatal("for a remote whose terms have Reuses")
	}
	for _, path := range []string{"-a/new", "a/new\n", "x*", "y[1]", "$(z)", "q'"} {
		if b.Terms().Reuses(path) {
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
