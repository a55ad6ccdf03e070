package lanes

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
)

// lease makes every open of a file wait until the lease is given back.
func (b *bed) lease(name string) (giveBack func()) {
	b.Helper()
	f, err := os.Open(filepath.Join(b.src, name))
	must(b.T, err)
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		b.Fatalf("no lease on %s: %v", name, err)
	}
	return func() { must(b.T, f.Close()) }
}

// A file that cannot be opened goes by itself from then on, and arrives once it can be opened.
func TestAFileThatDoesNotOpenWaitsAlone(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{})
	put(t, b.src, "leased", "1")
	giveBack := b.lease("leased")
	b.Mark("leased", 0)
	b.write("beside", "1")
	b.arrives("beside", "1")
	for i := range 3 { // while the file is in the queue of those that hang
		b.write("later", fmt.Sprint(i))
		b.arrives("later", fmt.Sprint(i))
	}
	if got := b.there("leased"); got != "<none>" {
		t.Errorf("leased is %s", got)
	}
	giveBack()
	b.arrives("leased", "1")
	b.idle()
}

// In a tree and in a full sync such a file is left out, and both go on.
func TestAFileThatDoesNotOpenEndsNoFullSync(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{})
	for _, name := range []string{"a", "d/leased", "d/z", "z"} {
		put(t, b.src, name, "1")
	}
	giveBack := b.lease("d/leased")
	done := make(chan fullsync.Result, 1)
	must(t, b.FullSync(t.Context(), fullsync.Request{Mirror: true, Done: func(r fullsync.Result) { done <- r }}))
	select {
	case r := <-done:
		if r.Err != nil {
			t.Error(r.Err)
		}
	case <-time.After(patient):
		t.Fatal("the full sync does not end")
	}
	for _, name := range []string{"a", "d/z", "z"} {
		b.arrives(name, "1")
	}
	giveBack()
	b.equal()
	b.idle()
}

func TestAFileThatDoesNotOpenIsTakenOutOfItsTree(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{params: "-artuzH"}) // with -H no tree goes together with single files
	for _, name := range []string{"d/a", "d/leased", "d/z"} {
		put(t, b.src, name, "1")
	}
	giveBack := b.lease("d/leased")
	b.Mark("d", dirty.Tree)
	b.arrives("d/z", "1")
	b.write("d/later", "2")
	b.arrives("d/later", "2")
	giveBack()
	b.equal()
	b.idle()
}
