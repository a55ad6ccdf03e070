package brake

import (
	"strings"
	"testing"
)

func TestDiffers(t *testing.T) {
	ext4 := Place{Boot: "b1", Type: "ext4", UUID: "u1", FSID: "f1", Dev: 10, Ino: 2, Entries: 5}
	xfs := Place{Boot: "b1", Type: "xfs", UUID: "u1", FSID: "dev10", Dev: 10, Ino: 128}
	fat := Place{Boot: "b1", Type: "vfat", FSID: "dev10", Dev: 10, Ino: 1}
	nfs := Place{Boot: "b1", Type: "nfs4", Source: "nas:/export", FSID: "0", Dev: 40, Ino: 77}
	fuse := Place{Boot: "b1", Type: "fuse.sshfs", Source: "host:/d", Dev: 50, Ino: 1}
	overlay := Place{Boot: "b1", Type: "overlay", Source: "upperdir=/o/1", FSID: "o", Dev: 60, Ino: 9}
	tmp := Place{Boot: "b1", Type: "tmpfs", UUID: "t1", FSID: "t1", Dev: 70, Ino: 1}

	for _, tc := range []struct {
		name   string
		old    Place
		change func(*Place)
		want   string // part of the message; empty: no difference is found
	}{
		{"nothing", ext4, func(*Place) {}, ""},
		{"number of entries", ext4, func(p *Place) { p.Entries = 1 }, ""},
		{"disk renamed at reboot", ext4, func(p *Place) { p.Boot, p.Dev = "b2", 11 }, ""},
		{"disk renamed by plugging", ext4, func(p *Place) { p.Dev = 11 }, ""},
		{"other disk", ext4, func(p *Place) { p.UUID, p.FSID = "u2", "f2" }, "was f1"},
		{"UUID learnt with a newer kernel", ext4, func(p *Place) { p.UUID = "" }, ""},
		{"directory created anew", ext4, func(p *Place) { p.Ino = 3 }, "created anew"},
		{"directory created anew, same inode", created(ext4), func(p *Place) { p.Born++ }, "created anew"},
		{"creation time not known before", ext4, func(p *Place) { p.Born = 5 }, ""},
		{"other type", ext4, func(p *Place) { p.Type = "xfs" }, `was "ext4"`},

		{"xfs renamed at reboot", xfs, func(p *Place) { p.Boot, p.Dev, p.FSID = "b2", 11, "dev11" }, ""},
		{"other xfs", xfs, func(p *Place) { p.UUID = "u2" }, "was u1"},
		{"other xfs on the same device number", xfs, func(p *Place) { p.Boot, p.UUID = "b2", "u2" }, "was u1"},
		{"xfs, directory created anew", xfs, func(p *Place) { p.Boot, p.Ino = "b2", 999 }, "created anew"},

		{"fat after a reboot", fat, func(p *Place) { p.Boot, p.Dev, p.FSID = "b2", 11, "dev11" }, ""},
		{"fat elsewhere within a boot", fat, func(p *Place) { p.Dev, p.FSID = 11, "dev11" }, "was 10"},

		{"nfs mounted again", nfs, func(p *Place) { p.Dev = 41 }, ""},
		{"nfs after a reboot", nfs, func(p *Place) { p.Boot, p.Dev = "b2", 41 }, ""},
		{"nfs, other export", nfs, func(p *Place) { p.Source = "nas:/other" }, `was "nas:/export"`},
		{"nfs, server says another creation time", created(nfs), func(p *Place) { p.Born++ }, ""},
		{"nfs, directory created anew", nfs, func(p *Place) { p.Boot, p.Ino = "b2", 78 }, "created anew"},

		{"fuse made up another inode", fuse, func(p *Place) { p.Ino = 12 }, ""},
		{"fuse mounted again", fuse, func(p *Place) { p.Dev = 51 }, ""},
		{"fuse from elsewhere", fuse, func(p *Place) { p.Source = "other:/d" }, `was "host:/d"`},

		{"container restarted", overlay, func(p *Place) { p.Dev, p.Ino = 61, 10 }, ""},
		{"container replaced", overlay, func(p *Place) { p.Dev, p.Source = 61, "upperdir=/o/2" }, "upperdir=/o/1"},
		{"overlay, directory created anew", overlay, func(p *Place) { p.Ino = 10 }, "created anew"},

		{"tmpfs after a reboot", tmp, func(p *Place) { p.Boot, p.UUID, p.FSID, p.Dev = "b2", "t2", "t2", 71 }, ""},
		{"another tmpfs within a boot", tmp, func(p *Place) { p.UUID, p.FSID = "t2", "t2" }, "was t1"},
		{"another tmpfs, kernel without UUID", Place{Boot: "b1", Type: "tmpfs", FSID: "x", Dev: 70, Ino: 1}, func(p *Place) { p.Dev = 71 }, "device 71"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now := tc.old
			tc.change(&now)
			got := differs(tc.old, now)
			if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
				t.Errorf("differs: %q, want %q", got, tc.want)
			}
			back := differs(now, tc.old)
			if (back == "") != (got == "") {
				t.Errorf("one way %q, the other %q", got, back)
			}
		})
	}
}

func created(p Place) Place {
	p.Born = 1
	return p
}

// A mount that is held when the host reboots has to be compared with the place as it was seen in
// the boot before.
func TestHeldPlaceComesBackAfterReboot(t *testing.T) {
	disk := Place{Boot: "b1", Type: "vfat", FSID: "dev10", Dev: 10, Ino: 1, Entries: 3}
	root := Place{Boot: "b1", Type: "ext4", FSID: "f", Ino: 2, Entries: 9}
	old := Identity{Root: root, Mounts: []Mount{{Path: "d", Place: disk}}}

	root.Boot = "b2"
	kept := Follow(old, Identity{Root: root}, true)
	wantHeld(t, Compare(kept, Identity{Root: root}), map[string]Cause{"d": Gone})

	disk.Boot, disk.Dev, disk.FSID = "b2", 11, "dev11"
	wantHeld(t, Compare(kept, Identity{Root: root, Mounts: []Mount{{Path: "d", Place: disk}}}), nil)
}

func TestUnreadableMount(t *testing.T) {
	root := Place{Type: "ext4", Ino: 2, Entries: 9}
	mounted := func(p Place) Identity { return Identity{Root: root, Mounts: []Mount{{Path: "d", Place: p}}} }
	good := Place{Type: "nfs", Source: "nas:/x", Ino: 5, Entries: 4}
	bad := Place{Type: "nfs", Source: "nas:/x", Problem: "stale file handle"}
	wantHeld(t, Compare(mounted(good), mounted(bad)), map[string]Cause{"d": Unreadable})
	wantHeld(t, Compare(Identity{}, mounted(bad)), map[string]Cause{"d": Unreadable})
	wantHeld(t, Compare(Follow(mounted(good), mounted(bad), true), mounted(good)), nil)
	if got := Accept(mounted(bad)); len(got.Mounts) != 0 {
		t.Errorf("accepted %+v", got)
	}
}

func TestHoldsCoversPathsAndNotPrefixes(t *testing.T) {
	v := Verdict{Held: []Hold{{Path: "a/b", Cause: Gone}, {Path: "m", Cause: Appeared}}}
	for _, tc := range []struct {
		path        string
		scan, event bool
	}{
		{"a/b", true, true},
		{"a/b/c", true, true},
		{"a", true, true},
		{"", true, true},
		{"a/bc", false, false},
		{"a/", false, false},
		{"ab", false, false},
		{"m/x", true, false},
		{"mx", false, false},
	} {
		if v.Holds(tc.path) != tc.scan || v.HoldsEvent(tc.path) != tc.event {
			t.Errorf("%q: Holds %v, HoldsEvent %v", tc.path, v.Holds(tc.path), v.HoldsEvent(tc.path))
		}
	}
	if !(Verdict{}).OK() || (Verdict{}).Holds("x") || (Verdict{}).String() != "ok" {
		t.Error("the zero verdict holds something")
	}
}
