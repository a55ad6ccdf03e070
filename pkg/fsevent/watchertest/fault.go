package watchertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func (b Backend) testOverflowIsRepaired(t *testing.T) {
	base := t.TempDir()
	root, outside := Mkdir(t, base, "root"), Mkdir(t, base, "out")
	for i := range 30 {
		Mkdir(t, root, "old", fmt.Sprint(i), "sub")
	}
	Mkdir(t, root, "moves", "deep")
	seen := newOnlooker(root)
	r := b.short(t, 32, root, Options{CloseWrite: true}, seen)
	r.Want("root watched", 1)
	r.Audit(nil)

	// The handler blocks, so the reader does not read, and the queue fills.
	release := r.Told.Hold()
	Write(t, root, "first")
	r.Want("create file first", 1)
	for i := range 50 {
		Write(t, root, fmt.Sprint("flood", i))
	}
	Mkdir(t, root, "unseen", "below")
	Rename(t, filepath.Join(root, "moves"), filepath.Join(root, "moved"))
	Rename(t, filepath.Join(root, "old", "3"), filepath.Join(outside, "3"))
	if err := os.RemoveAll(filepath.Join(root, "old", "4")); err != nil {
		t.Fatal(err)
	}
	release()

	r.Want("repaired", 1)
	r.Audit(nil)
	r.Agree("not seen as it is", seen.compare)
	Write(t, root, "moved", "deep", "f")
	r.Want("close file moved/deep/f", 1)
	if s := r.Stats(); s.Overflows == 0 || s.Repairs == 0 {
		t.Errorf("counters %+v, want overflows and repairs", s)
	}
	if text := r.Told.Text(); strings.Index(text, "overflow") > strings.Index(text, "repaired") {
		t.Errorf("repaired before overflow:\n%s", text)
	}
}

func (b Backend) testOverflowDuringStartAndStorm(t *testing.T) {
	for seed := range seeds() {
		t.Run(fmt.Sprint("seed", seed), func(t *testing.T) {
			base := t.TempDir()
			root, outside := Mkdir(t, base, "root"), Mkdir(t, base, "out")
			for i := range 200 {
				Mkdir(t, root, fmt.Sprint("d", i%4), fmt.Sprint(i))
			}
			seen := newOnlooker(root)
			r := b.short(t, 16, root, Options{CloseWrite: true}, seen)
			runStorm(t, r, seed, outside, 400)
			r.Want("root watched", 1)
			r.Until("an overflow", func() bool {
				if r.Stats().Overflows == 0 {
					runStorm(t, r, seed+1, outside, 50)
				}
				return r.Stats().Overflows > 0
			})
			r.Audit(nil)
			r.Agree("not seen as it is", seen.compare)
			runStorm(t, r, seed+2, outside, 200)
			r.Audit(nil)
			r.Agree("not seen as it is", seen.compare)
			if n, m := r.Told.Count("overflow"), r.Told.Count("repaired"); m == 0 || m > n {
				t.Errorf("%d overflows, %d repairs", n, m)
			}
		})
	}
}

func (b Backend) testRootComesAndGoes(t *testing.T) {
	remake := func(t *testing.T, root string) { Mkdir(t, root, "again") }
	tests := []struct {
		name string
		gone func(t *testing.T, root string)
		back func(t *testing.T, root string)
	}{
		{"deleted", func(t *testing.T, root string) {
			if err := os.RemoveAll(root); err != nil {
				t.Fatal(err)
			}
		}, remake},
		{"renamed", func(t *testing.T, root string) { Rename(t, root, root+".old") }, remake},
		{"renamed and back", func(t *testing.T, root string) { Rename(t, root, root+".old") },
			func(t *testing.T, root string) {
				Rename(t, root+".old", root)
				Mkdir(t, root, "again")
			}},
		{"directory above renamed", func(t *testing.T, root string) {
			Rename(t, filepath.Dir(root), filepath.Dir(root)+".old")
		}, remake},
		{"replaced by a file", func(t *testing.T, root string) {
			Rename(t, root, root+".old")
			Write(t, root)
		}, func(t *testing.T, root string) {
			os.Remove(root)
			Mkdir(t, root, "again")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := Mkdir(t, t.TempDir(), "above", "root")
			Mkdir(t, root, "a/b")
			r := b.Start(t, root, Options{CloseWrite: true})
			tt.gone(t, root)
			r.Want("root gone", 1)
			tt.back(t, root)
			r.Want("root back", 1)
			r.Audit(nil)
			Write(t, root, "again", "f")
			r.Want("close file again/f", 1)
		})
	}
}

func (b Backend) testRootReplacedAtOnce(t *testing.T) {
	base := t.TempDir()
	root := Mkdir(t, base, "root")
	next := Mkdir(t, base, "next")
	Mkdir(t, next, "n")
	r := b.Start(t, root, Options{CloseWrite: true})
	Rename(t, root, filepath.Join(base, "old"))
	Rename(t, next, root)
	r.Want("root gone", 1)
	r.Want("root back", 1)
	r.Audit(nil)
	Write(t, root, "n", "f")
	r.Want("close file n/f", 1)
}

func (b Backend) testRootIsLink(t *testing.T) {
	base := t.TempDir()
	real := Mkdir(t, base, "real")
	Mkdir(t, real, "a")
	link := filepath.Join(base, "link")
	if err := os.Symlink(real, link); err != nil {
		t.Fatal(err)
	}
	r := b.Start(t, link, Options{CloseWrite: true})
	Write(t, link, "a", "f")
	r.Want("close file a/f", 1)
}

func (b Backend) testMountAppearsAndDisappears(t *testing.T) {
	root := t.TempDir()
	Mkdir(t, root, "a/mnt/hidden")
	r := b.Start(t, root, Options{CloseWrite: true})
	r.Audit(nil)
	mnt := filepath.Join(root, "a/mnt")
	if err := unix.Mount("tmpfs", mnt, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatalf("this test mounts a tmpfs, which needs root: %v", err)
	}
	mounted := true
	t.Cleanup(func() {
		if mounted {
			unix.Unmount(mnt, unix.MNT_DETACH)
		}
	})
	r.Want("mount a/mnt true", 1)
	r.Want("create covered a/mnt", 1) // what comes before that is found by the scan that this asks for
	r.Audit(nil)
	Mkdir(t, mnt, "on-it")
	r.Want("create covered a/mnt/on-it", 1)
	Write(t, mnt, "on-it", "f")
	r.Want("close file a/mnt/on-it/f", 1)
	// The watches must not keep it busy.
	r.Unmount(mnt)
	mounted = false
	r.Want("mount a/mnt false", 1)
	r.Audit(nil)
	Write(t, mnt, "hidden", "g")
	r.Want("close file a/mnt/hidden/g", 1)
}

// A file system goes and another one comes while nobody looks: it may have the
// mount id, the device and the root inode of the one before.
func (b Backend) testMountIsReplacedUnseen(t *testing.T) {
	root := t.TempDir()
	mnt := Mkdir(t, root, "mnt")
	mount := func() {
		if err := unix.Mount("tmpfs", mnt, "tmpfs", 0, "size=1m"); err != nil {
			t.Fatalf("this test mounts a tmpfs, which needs root: %v", err)
		}
	}
	mount()
	t.Cleanup(func() { unix.Unmount(mnt, unix.MNT_DETACH) })
	r := b.Start(t, root, Options{CloseWrite: true})
	r.Audit(nil)
	for i := 1; i <= 5; i++ {
		release := r.Told.Hold()
		Write(t, root, fmt.Sprint("busy", i))
		r.Unmount(mnt)
		mount()
		Write(t, mnt, "on-it") // has no event
		release()
		r.Want("mount mnt true", i)
		r.Want("create covered mnt", i)
		r.Audit(nil)
		Write(t, mnt, "f")
		r.Want("close file mnt/f", i)
	}
}

func (b Backend) testRootUnmounted(t *testing.T) {
	root := t.TempDir()
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatalf("this test mounts a tmpfs, which needs root: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(root, unix.MNT_DETACH) })
	Mkdir(t, root, "a")
	r := b.Start(t, root, Options{})
	r.Unmount(root)
	r.Want("root gone", 1)
	r.Want("root back", 1) // the directory below
	r.Audit(nil)
}
