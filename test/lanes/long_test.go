package lanes

import (
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/executor/fullsync"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
)

// long makes a file that would take days to send.
func (b *bed) long(name string) {
	b.Helper()
	put(b.T, b.src, name, "x")
	must(b.T, os.Truncate(b.src+"/"+name, 1<<42))
}

// begun tells whether the remote has the temporary file of this file.
func (b *bed) begun(dir, name string) bool {
	entries, _ := os.ReadDir(b.dst + "/" + dir) // the directory may not exist yet
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "."+name+".") {
			return true
		}
	}
	return false
}

// A file without end delays neither the tree that it is in nor other trees, and is sent by its own
// name.
func TestAFileWithoutEndIsTakenOutOfItsTree(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]func(*setup){"plain": nil, "with a filter": func(o *setup) { o.Excluded = excludeLog }} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, with{params: "-artuS --bwlimit=20000", options: options})
			b.Complete()
			b.long("d/huge")
			put(t, b.src, "d/z/small", "1")
			put(t, b.src, "e/small", "1")
			b.Mark("d", dirty.Tree|dirty.Content)
			began := time.Now()
			b.arrives("d/z/small", "1")
			b.Mark("e", dirty.Tree|dirty.Content)
			b.arrives("e/small", "1")
			testkit.Eventually(t, patient, "the huge one is on its way", func() bool { return b.begun("d", "huge") })
			if r := b.Remember(time.Now()); r.Watermark.After(began) {
				t.Errorf("the watermark is %s after a file that is owed", r.Watermark.Sub(began))
			}
			b.daemon.Stop()
		})
	}
}

// A file grows without end after it was looked at, and before rsync looks at it. The run leaves it
// out, and it is sent by its own name.
func TestAFileThatGrowsBeforeItsRunHoldsUpNothing(t *testing.T) {
	t.Parallel()
	for name, flags := range map[string]dirty.Flags{
		"file": dirty.Content, "asked about": dirty.Unsure, "in a small tree": dirty.Tree, "in a tree": dirty.Tree | dirty.Arrival,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, with{params: "-artuS --bwlimit=20000", options: func(o *setup) {
				file := o.Dir + "/d/huge"
				grow := sync.OnceFunc(func() {
					if err := os.Truncate(file, 1<<42); err != nil {
						t.Error(err)
					}
				})
				o.Way.Commands = func(command string) {
					if strings.Contains(command, "--files-from") && !strings.Contains(command, " -n ") {
						grow()
					}
				}
			}})
			b.Complete()
			put(t, b.src, "d/huge", "x")
			path := "d/huge"
			if flags&dirty.Tree != 0 {
				path = "d"
			} else {
				must(t, os.Mkdir(b.dst+"/d", 0o777))
			}
			b.Mark(path, flags)
			testkit.Eventually(t, patient, "the huge one is on its way", func() bool { return b.begun("d", "huge") })
			b.write("small", "1")
			b.arrives("small", "1")
			put(t, b.src, "e/small", "1")
			b.Mark("e", dirty.Tree|dirty.Arrival)
			b.arrives("e/small", "1")
			b.daemon.Stop()
		})
	}
}

func TestAFileWithoutEndEndsNoFullSync(t *testing.T) {
	t.Parallel()
	b := newBed(t, with{params: "-artuS --bwlimit=20000"})
	b.long("d/huge")
	must(t, os.MkdirAll(b.dst+"/d", 0o777))
	must(t, os.WriteFile(b.dst+"/d/huge", []byte("older"), 0o666)) // older than the file here, so that it is sent with -u, too
	at(t, b.dst+"/d/huge", time.Now().Add(-time.Hour))
	put(t, b.src, "z", "1")
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
	b.arrives("z", "1")
	testkit.Eventually(t, patient, "the huge one is on its way", func() bool { return b.begun("d", "huge") })
	if s := b.stats(); s.Pending+s.InFlight == 0 {
		t.Error("nothing is dirty although a file has not arrived")
	}
	b.daemon.Stop()
}

// A full sync onto a full disk brings over the files that fit.
func TestAFullSyncOntoAFullDiskTakesWhatFits(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root: a small file system of its own")
	}
	b := newBed(t, with{})
	must(t, syscall.Mount("tmpfs", b.dst, "tmpfs", 0, "size=4m,mode=777"))
	t.Cleanup(func() { b.stop(); b.daemon.Stop(); must(t, syscall.Unmount(b.dst, syscall.MNT_DETACH)) })
	for _, name := range []string{"a/fat", "b/fatter"} {
		put(t, b.src, name, strings.Repeat("x", 6<<20+len(name)))
	}
	put(t, b.src, "z/small", "1")
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
	b.arrives("z/small", "1")
	must(t, syscall.Mount("tmpfs", b.dst, "tmpfs", syscall.MS_REMOUNT, "size=64m,mode=777"))
	must(t, b.RetryNow(t.Context()))
	b.equal()
}
