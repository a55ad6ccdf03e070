package executor

import (
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/beneath"
	"github.com/sersync/sersync/pkg/filterqueue"
)

// asNobody runs do with the file access of an ordinary user.
func asNobody(t *testing.T, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		do()
		return
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := unix.SetfsuidRetUid(65534)
	must(t, err)
	do()
	_, err = unix.SetfsuidRetUid(before)
	must(t, err)
}

// With a filter every entry is named. A directory that cannot be listed must not
// pass for an empty one: it fails by its name.
func TestWhatCannotBeListedIsNotEmpty(t *testing.T) {
	b := newBed(t, with{options: func(o *Options) { o.Excluded = excludeLog }})
	must(t, b.Pause(t.Context(), true))
	put(t, b.src, "d/f", "1")
	put(t, b.src, "d/closed/f", "1")
	must(t, os.Chmod(b.src+"/d/closed", 0))
	root, err := beneath.Open(b.src)
	must(t, err)
	defer root.Close()
	asNobody(t, func() {
		names, err := b.entries(root, "d")
		slices.Sort(names)
		if want := []string{"d", "d/closed", "d/f"}; err != nil || !slices.Equal(names, want) {
			t.Errorf("%q, %v, want %q", names, err, want)
		}
		if names, err := b.entries(root, "d/closed"); err == nil {
			t.Errorf("d/closed has %q", names)
		}
	})
	items := b.dirty.Take(time.Now(), 10)
	if len(items) != 1 || items[0].Path != "d/closed" || items[0].Flags&filterqueue.Tree == 0 {
		t.Fatalf("dirty: %+v", items)
	}
	b.dirty.Return(items[0], time.Time{})
	must(t, os.Chmod(b.src+"/d/closed", 0o755))
	must(t, b.Pause(t.Context(), false))
	b.arrives("d/closed/f", "1")
}

// A directory that a scan could not list, for want of descriptors here, has not
// been scanned.
func TestWhatAScanCouldNotListIsDirty(t *testing.T) {
	b := newBed(t, with{})
	must(t, b.Pause(t.Context(), true))
	put(t, b.src, "d/d/d/f", "1")
	var limit unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	few := unix.Rlimit{Cur: 200, Max: limit.Max}
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &few))
	var taken []int
	for fd, err := unix.Dup(0); err == nil; fd, err = unix.Dup(0) {
		taken = append(taken, fd)
	}
	left := len(taken) - 3 // the root, a directory in it, and no more
	for _, fd := range taken[left:] {
		must(t, unix.Close(fd))
	}
	_, err := CatchUp(t.Context(), time.Now().Add(time.Hour), []*Lane{b.Lane}, nil)
	for _, fd := range taken[:left] {
		must(t, unix.Close(fd))
	}
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	must(t, err)
	must(t, b.Pause(t.Context(), false))
	b.arrives("d/d/d/f", "1")
}

// Naming every entry of an empty root must not become naming the root, from
// where rsync would send everything.
func TestAnEmptyRootIsNotSentAsAWhole(t *testing.T) {
	b := newBed(t, with{options: func(o *Options) { o.Excluded = excludeLog }})
	b.Mark("", filterqueue.Tree)
	b.idle()
	if n := b.ran("--recursive"); n != 0 {
		t.Errorf("%d runs go down the tree by themselves", n)
	}
	put(t, b.src, "f", "1")
	put(t, b.src, "x.log", "1")
	b.Mark("", filterqueue.Tree)
	b.arrives("f", "1")
	b.idle()
	if got := b.there("x.log"); got != "<none>" {
		t.Errorf("x.log is %q", got)
	}
}
