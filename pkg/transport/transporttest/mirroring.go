package transporttest

import (
	"errors"
	"os"
	"path/filepath"
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
	"what the remote has elsewhere, by a list":        (*bench).elsewhereListed,
	"the names of one file":                           (*bench).names,
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
