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

// asNobody runs do with the file access of an unprivileged user.
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

// In a lane with a filter every entry is named. A directory that cannot be listed must not be taken
// for an empty one: it fails by its name.
func TestWhatCannotBeListedIsNotEmpty(t *testing.T) {
	onBed(t, with{options: func(o *Options) { o.Excluded = excludeLog }}, func(t *testing.T, b *bed) {
		must(t, b.Pause(t.Context(), true))
		put(t, b.src, "d/f", "1")
		put(t, b.src, "d/closed/f", "1")
		must(t, os.Chmod(b.src+"/d/closed", 0))
		opened := func() *disk.Disk { // opened beforehand, since nobody may not enter the directories above the watch root
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

// A directory that a scan could not list, because this process had no free descriptor, does not
// count as scanned.
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
		left := len(taken) - 3 // room for the root and one directory in it
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

// When every entry of an empty root is named, the list is empty. That must not turn into a list
// that names the root, because rsync would send everything below it.
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
