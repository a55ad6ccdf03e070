package executor

import (
	"maps"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport"
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
	onBed(t, with{options: func(o *Options) { o.Excluded = excludeLog }}, func(t *testing.T, b *bed) {
		must(t, b.Pause(t.Context(), true))
		put(t, b.src, "d/f", "1")
		put(t, b.src, "d/closed/f", "1")
		must(t, os.Chmod(b.src+"/d/closed", 0))
		opened := func() *disk.Disk { // what is above the watch root is not for nobody to pass
			root, err := fstree.Open(b.src)
			must(t, err)
			d := *b.disk
			d.Open = func() *fstree.Root { return root }
			return &d
		}
		tree, closed := opened(), opened()
		asNobody(t, func() {
			list, err := tree.Entries(t.Context(), "d")
			slices.Sort(list.Names)
			if want := []string{"d", "d/closed", "d/f"}; err != nil || !slices.Equal(list.Names, want) {
				t.Errorf("%q, %v, want %q", list.Names, err, want)
			}
			if want := map[string]dirty.Flags{"d/closed": dirty.Tree}; !maps.Equal(list.Alone, want) {
				t.Errorf("alone: %v, want %v", list.Alone, want)
			}
			if list, err := closed.Entries(t.Context(), "d/closed"); err == nil {
				t.Errorf("d/closed has %q", list.Names)
			}
		})
		b.Mark("d/closed", dirty.Tree)
		must(t, os.Chmod(b.src+"/d/closed", 0o755))
		must(t, b.Pause(t.Context(), false))
		b.arrives("d/closed/f", "1")
	})
}

// A directory that a scan could not list, for want of descriptors here, has not
// been scanned.
func TestWhatAScanCouldNotListIsDirty(t *testing.T) {
	onBed(t, with{}, func(t *testing.T, b *bed) {
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
	})
}

// Naming every entry of an empty root must not become naming the root, from
// where rsync would send everything.
func TestAnEmptyRootIsNotSentAsAWhole(t *testing.T) {
	onBed(t, with{options: func(o *Options) { o.Excluded = excludeLog }}, func(t *testing.T, b *bed) {
		b.Mark("", dirty.Tree)
		b.idle()
		if n := b.ran(transport.Tree, transport.Full); n != 0 {
			t.Errorf("%d runs go down the tree by themselves", n)
		}
		put(t, b.src, "f", "1")
		put(t, b.src, "x.log", "1")
		b.Mark("", dirty.Tree)
		b.arrives("f", "1")
		b.idle()
		if got := b.there("x.log"); got != "<none>" {
			t.Errorf("x.log is %q", got)
		}
	})
}
