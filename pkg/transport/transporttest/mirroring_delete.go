package transporttest

import (
	"slices"

	"github.com/sersync/sersync/pkg/transport"
)

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
