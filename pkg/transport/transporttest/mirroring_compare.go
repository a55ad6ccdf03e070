package transporttest

import (
	"os"
	"path/filepath"
	"time"

	"github.com/sersync/sersync/pkg/transport"
)

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
