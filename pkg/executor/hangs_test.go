package executor

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/transport"
)

func TestWhatIsKeptApartForHanging(t *testing.T) {
	now := time.Unix(1000, 0)
	many := func(n int, owner uint32) (h hangs) {
		for i := range n {
			h.note(fmt.Sprint("x", i), owner, now)
		}
		return h
	}
	twice := many(1, 7)
	twice.note("x0", 8, now.Add(hangMemory/2))
	for name, c := range map[string]struct {
		h     hangs
		path  string
		owner uint32
		after time.Duration
		want  bool
	}{
		"nothing has hung":            {hangs{}, "a", 7, 0, false},
		"the path itself":             {many(1, 7), "x0", 7, 0, true},
		"whoever owns it now":         {many(1, 7), "x0", 0, 0, true},
		"another path of the owner":   {many(fewHangs, 7), "a", 7, 0, false},
		"an owner of too many":        {many(fewHangs+1, 7), "a", 7, 0, true},
		"another owner":               {many(fewHangs+1, 7), "a", 8, 0, false},
		"one path often is not many":  {twice, "a", 8, 0, false},
		"remembered":                  {many(1, 7), "x0", 7, hangMemory - 1, true},
		"forgotten":                   {many(1, 7), "x0", 7, hangMemory, false},
		"an owner forgotten":          {many(fewHangs+1, 7), "a", 7, hangMemory, false},
		"hung again":                  {twice, "x0", 7, hangMemory, true},
		"beyond what is remembered":   {many(maxHangs+1, 7), fmt.Sprint("x", maxHangs), 8, 0, false},
		"the last that is remembered": {many(maxHangs+1, 7), fmt.Sprint("x", maxHangs-1), 8, 0, true},
	} {
		if got := c.h.apart(c.path, c.owner, now.Add(c.after)); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// Beside a full sync nothing goes to a name at which a fifo has stood since it began: the
// remote may be about to open the file that was there before, and would wait for ever.
func TestNoFifoGoesBesideAFullSync(t *testing.T) {
	var reading, may *gate
	sends := func(c transport.Call) bool { return !c.Batch.Verify && slices.Contains(c.Names, "x") }
	onBed(t, with{
		terms: func(terms *transport.Terms) { terms.Specials = true }, files: []string{"f", "x"},
		carry: func(ctx context.Context, b *bed, c transport.Call) (transport.Result, bool) {
			if sends(c) {
				return transport.Result{}, true // the directory of the fake takes no fifo
			}
			return slowFull(&reading, &may)(ctx, b, c)
		},
		options: func(*Options) { reading, may = newGate(), newGate() },
	}, func(t *testing.T, b *bed) {
		sent := func() bool { return slices.ContainsFunc(b.remote.Calls(), sends) }
		done := b.begin()
		reading.wait()
		must(t, os.Remove(b.src+"/x"))
		must(t, unix.Mkfifo(b.src+"/x", 0o644))
		b.Mark("x", dirty.Content)
		b.after(time.Second)
		must(t, os.Remove(b.src+"/x"))
		b.write("x", "a file again")
		b.write("other", "1")
		b.arrives("other", "1")
		b.after(time.Second)
		if sent() {
			t.Error("the fifo was sent beside the full sync")
		}
		may.open()
		done.wait()
		b.until("it is sent after the full sync", sent)
	})
}
