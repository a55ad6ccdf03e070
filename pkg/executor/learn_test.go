package executor

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/transport"
)

// inetd or sshd starts another release of rsync without an outage that would show it. So refused
// options are tried again after some time.
func TestARefusalIsTriedAgainInTime(t *testing.T) {
	onBed(t, with{terms: withoutUpdate, options: func(o *Options) { o.Caps = o.Caps.Lacking(transport.Nanoseconds) }}, func(t *testing.T, b *bed) {
		b.write("f", "1")
		b.arrives("f", "1")
		b.idle()
		if without := b.caps().Without(); len(without) != 1 {
			t.Errorf("without %q before it was tried again", without)
		}
		b.after(renewAfter + time.Minute)
		b.write("g", "1")
		b.arrives("g", "1")
		b.idle()
		if without := b.caps().Without(); without != nil {
			t.Errorf("still without %q", without)
		}
	})
}

// One path breaks every run before the remote has sent anything: no option is blamed for it, and
// the other paths arrive.
func TestAPathThatBreaksEveryRunTeachesNothing(t *testing.T) {
	breaks := transport.Result{Class: transport.Refused, Missing: transport.MissingAnswer, Broken: true, Reason: "connection reset"}
	onBed(t, with{carry: func(_ context.Context, _ *bed, c transport.Call) (transport.Result, bool) {
		r := breaks
		for o := range transport.OptionCount {
			if c.Batch.Caps.Takes(o) {
				r.Added = r.Added.With(o)
			}
		}
		if r.Added == 0 {
			r.Class = transport.Trouble
		}
		return r, slices.Contains(c.Names, "bad")
	}}, func(t *testing.T, b *bed) {
		must(t, b.Pause(t.Context(), true))
		for i := range 10 {
			b.write(fmt.Sprint("f", i), "1")
		}
		b.write("bad", "1")
		must(t, b.Pause(t.Context(), false))
		for i := range 10 {
			b.arrives(fmt.Sprint("f", i), "1")
		}
		for i := range 10 {
			b.write(fmt.Sprint("f", i), "2")
			b.arrives(fmt.Sprint("f", i), "2")
		}
		b.until("bad alone is left", func() bool { s := b.dirty.Stats(); return s.Pending+s.InFlight == 1 })
		if without := b.caps().Without(); without != nil {
			t.Errorf("a path has taught %q", without)
		}
		must(t, os.Remove(b.src+"/bad"))
	})
}
