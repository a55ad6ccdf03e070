package stream

import (
	"context"
	"errors"
	"path"
	"slices"
	"syscall"
	"time"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/stream"
	"github.com/sersync/sersync/pkg/transport"
)

// batch is one call on its way.
type batch struct {
	ctx    context.Context //nolint:containedctx // lives as long as the call
	p      *Publisher
	root   *fstree.Root
	looker *fstree.Looker
	line   *line
	call   *transport.Call
	began  time.Time

	open  map[string]*open // messages that are not full, by subject
	acks  []ack
	err   error // of the first message that could not be published
	ended transport.Result
}

// open is a message that takes entries.
type open struct {
	entries []change.Entry
	weight  int
}

func newBatch(ctx context.Context, p *Publisher, root *fstree.Root, line *line, c *transport.Call, began time.Time) *batch {
	return &batch{
		ctx: ctx, p: p, root: root, looker: root.Looker(), line: line, call: c, began: began, open: map[string]*open{},
	}
}

// fill publishes everything that the call names.
func (b *batch) fill() {
	switch c := b.call; c.Batch.Kind {
	case transport.Send:
		b.send(c.Names)
	case transport.Tree:
		for _, name := range c.Names {
			b.tree(name)
		}
	case transport.Delete:
		for _, name := range c.Names {
			b.gone(name)
		}
	case transport.Full:
		b.full()
	case transport.SurveyTrees, transport.SurveyFlat:
		// Each edge finds what only it has when it compares.
		for _, name := range c.Names {
			b.compare(name)
		}
	case transport.SurveyGone:
		// An edge deletes everything that it has in a directory together with the directory.
		for _, name := range c.Names {
			b.tell(transport.Change{Path: name, Dir: true, Deleted: true})
		}
	case transport.Survey, transport.Times, transport.Stamps: // see do
	}
}

// stopped tells whether reading on would be in vain.
func (b *batch) stopped() bool { return b.err != nil || b.ctx.Err() != nil }

// send publishes paths, directories without what is in them.
func (b *batch) send(names []string) {
	for _, name := range names {
		if b.stopped() {
			return
		}
		b.one(name)
	}
}

// one publishes the state of one path.
func (b *batch) one(name string) {
	e, err := read(b.looker, name)
	switch {
	case errors.Is(err, fstree.ErrChanged):
		b.ended.Races = append(b.ended.Races, transport.PathError{Path: name, Changed: true, Text: err.Error()})
		return
	case err != nil:
		b.fail(name, err)
		return
	}
	if most := b.call.Batch.MaxSize; most > 0 && e.State == change.File && e.Size > most {
		return
	}
	b.add(e)
	b.tell(transport.Change{Path: name, Dir: e.State == change.Dir, Link: e.State == change.Link, Sent: true, Size: e.Size})
}

func (b *batch) fail(name string, err error) {
	bad := transport.PathError{Path: name, Text: err.Error()}
	_ = errors.As(err, &bad.Errno)
	b.ended.Failed = append(b.ended.Failed, bad)
}

func (b *batch) tell(c transport.Change) {
	if b.call.Changed != nil {
		b.call.Changed(c)
	}
}

// gone publishes that a path is gone, unless it exists after all.
func (b *batch) gone(name string) {
	switch found := b.looker.Look(name); found.State {
	case fstree.Absent, fstree.Obstructed:
		if err := change.CheckPath(name); err != nil {
			b.fail(name, err)
			return
		}
		b.add(change.Entry{Path: name, State: change.Gone})
		b.tell(transport.Change{Path: name, Deleted: true})
	case fstree.Present:
		b.ended.Races = append(b.ended.Races, transport.PathError{Path: name, Changed: true, Text: "it is there again"})
	default:
		b.fail(name, found.Err)
	}
}

// full has every edge compare its tree.
func (b *batch) full() {
	excluded := b.call.Batch.Excludes
	if len(excluded) == 0 {
		b.compare("")
		return
	}
	names, err := below(b.ctx, b.root, "", b.p.Terms().Matcher(excluded), bounds{})
	if err != nil {
		b.fail("", err)
		return
	}
	b.send(names)
}

// compare asks every edge to compare a directory with the source.
func (b *batch) compare(name string) {
	if b.looker.Look(name).State != fstree.Present {
		b.ended.Races = append(b.ended.Races, transport.PathError{Path: name, Changed: true, Text: "it is not there any more"})
		return
	}
	exact := b.call.Batch.MayDelete && b.p.opt.Held(name) == ""
	if b.call.Batch.Kind == transport.Tree {
		exact = exact && b.call.Batch.DeleteInside
	}
	if err := change.CheckPath(name); err != nil {
		b.fail(name, err)
		return
	}
	b.parents(name)
	b.add(change.Entry{Path: name, State: change.Tree, Exact: exact})
	b.tell(transport.Change{Path: name, Dir: true, Sent: true})
}

// parents publishes the directories above a path, so that an edge that has missed them can make
// them.
func (b *batch) parents(name string) {
	var up []string
	for dir := path.Dir(name); dir != "." && dir != "/"; dir = path.Dir(dir) {
		up = append(up, dir)
	}
	for _, dir := range slices.Backward(up) {
		if e, err := read(b.looker, dir); err == nil {
			b.add(e)
		}
	}
}

// A tree up to this size is published entry by entry. For a larger one every edge makes a
// comparison, which takes no room in the stream.
var smallTree = bounds{entries: 4096, bytes: 16 << 20}

// tree publishes a directory with everything below it.
func (b *batch) tree(name string) {
	if b.stopped() {
		return
	}
	if b.call.Batch.DeleteInside {
		b.compare(name)
		return
	}
	names, err := below(b.ctx, b.root, name, nil, smallTree)
	switch {
	case errors.Is(err, errLarge):
		b.compare(name)
	case errors.Is(err, fstree.ErrChanged), fstree.Vanished(err):
		b.ended.Races = append(b.ended.Races, transport.PathError{Path: name, Changed: true, Text: err.Error()})
	case err != nil:
		b.fail(name, err)
	default:
		b.send(names)
	}
}

// add takes one entry into the message of its subject.
func (b *batch) add(e change.Entry) {
	if b.err != nil {
		return
	}
	subject := stream.Subject(b.p.opt.Tree, e.Path)
	o := b.open[subject]
	if o == nil {
		o = &open{weight: change.Overhead}
		b.open[subject] = o
	}
	if o.weight+e.Weight() > change.MaxBody {
		b.publish(subject, o.entries)
		*o = open{weight: change.Overhead}
	}
	o.entries, o.weight = append(o.entries, e), o.weight+e.Weight()
}

// publish sends one message; end waits for its acknowledgement.
func (b *batch) publish(subject string, entries []change.Entry) {
	if b.stopped() {
		return
	}
	a, err := b.line.publish(b.ctx, subject, change.Message{Time: b.began, Entries: entries})
	if err != nil {
		b.err = err
		return
	}
	b.acks = append(b.acks, a)
}

// end publishes what is left, and waits until the hub has stored everything. The error says that
// the hub has not.
func (b *batch) end() error {
	for _, subject := range sortedKeys(b.open) {
		if o := b.open[subject]; len(o.entries) > 0 {
			b.publish(subject, o.entries)
		}
	}
	for _, a := range b.acks {
		if b.stopped() {
			break
		}
		b.err = a.wait(b.ctx)
	}
	if b.err == nil {
		b.err = b.ctx.Err()
	}
	return b.err
}

// result is the result of a batch that the hub has stored.
func (b *batch) result() transport.Result {
	r := b.ended
	switch {
	case len(r.Failed) > 0:
		r.Class, r.Reason = transport.Partly, "some paths could not be read here"
		if slices.ContainsFunc(r.Failed, func(e transport.PathError) bool { return e.Errno == syscall.EACCES || e.Errno == syscall.EPERM }) {
			r.Remedy = "let the user that runs sersync read them, or exclude them"
		}
	case len(r.Races) > 0:
		r.Class = transport.Again
	}
	return r
}
