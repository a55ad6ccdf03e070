package fstree

import (
	"errors"
	"strings"
	"testing"
)

const sampleMountInfo = `21 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw
40 21 0:35 / /data rw - nfs4 nas:/ex\040port rw,vers=4.2
41 21 8:17 /sub /data/a\040b\011\012\134\043 rw,noatime shared:7 master:3 propagate_from:2 - xfs /dev/sdb1 rw
42 21 0:50 / /data/auto rw - autofs systemd-1 rw,fd=1
43 42 0:51 / /data/auto rw - tmpfs tmpfs rw
44 21 0:60 / /database rw - overlay overlay rw,lowerdir=/l1:/l2,upperdir=/u,workdir=/w
45 21 0:61 / /ro rw - overlay overlay rw,lowerdir=/l1
46 21 0:62 / /none rw -  none rw
`

func TestParseMounts(t *testing.T) {
	table, err := ParseMounts([]byte(sampleMountInfo))
	if err != nil || len(table) != 8 {
		t.Fatalf("%d mounts, %v", len(table), err)
	}
	if e := table[1]; e.ID != 40 || e.Point != "/data" || e.FSType != "nfs4" || e.Source != "nas:/ex port" {
		t.Errorf("%+v", e)
	}
	if e := table[2]; e.Point != "/data/a b\t\n\\#" || e.FSType != "xfs" {
		t.Errorf("%+v", e)
	}
	if got := table[5].Identifier() + " " + table[6].Identifier(); got != "upperdir=/u lowerdir=/l1" {
		t.Errorf("overlays are told apart by %q", got)
	}
	points := table.Below("/data")
	if len(points) != 2 || points[0].Rel != "a b\t\n\\#" || points[1].Rel != "auto" || len(points[1].Stacked) != 1 || points[1].Stacked[0].ID != 43 {
		t.Errorf("below /data: %+v", points)
	}
	if n := len(table.Below("/")); n != 6 {
		t.Errorf("%d mount points below /", n)
	}
	for path, want := range map[string]uint64{"/": 21, "/home": 21, "/data": 40, "/data/x": 40, "/data/auto/y": 43, "/database/x": 44, "/dat": 21} {
		if got := table.At(path).ID; got != want {
			t.Errorf("%s lies on mount %d, want %d", path, got, want)
		}
	}
}

func TestParseMountsRefusesWhatItCannotRead(t *testing.T) {
	for _, line := range []string{
		"x", "", "21 1 8:2 / / rw", "21 1 8:2 / / rw -", "21 1 8:2 / / rw - ext4 x", "a 1 8:2 / / rw - ext4 x rw",
		"21 1 8:2 / rel rw - ext4 x rw", "21 1 8:2 / /x - ext4 x rw",
	} {
		if _, err := ParseMounts([]byte(sampleMountInfo + line + "\n")); !errors.Is(err, ErrMounts) {
			t.Errorf("%q: error %v", line, err)
		}
	}
	if _, err := ReadMounts(); err != nil {
		t.Errorf("the table of this host: %v", err)
	}
}

func FuzzParseMounts(f *testing.F) {
	f.Add([]byte(sampleMountInfo))
	for line := range strings.Lines(sampleMountInfo) {
		f.Add([]byte(line))
	}
	f.Add([]byte(`1 1 0:1 / /\1 rw - a b c`))
	f.Add([]byte(`1 1 0:1 / /\777\400\12 rw - a b \`))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := ParseMounts(data)
		if err != nil {
			if table != nil {
				t.Error("half a table besides an error")
			}
			return
		}
		for _, e := range table {
			if !strings.HasPrefix(e.Point, "/") {
				t.Errorf("mount point %q", e.Point)
			}
			_ = e.Identifier()
			for _, p := range table.Below(e.Point) {
				if p.Rel == "" || len(p.Stacked) == 0 {
					t.Errorf("below %q: %+v", e.Point, p)
				}
			}
			if at := table.At(e.Point); at.Point == "" {
				t.Errorf("%q lies on no mount", e.Point)
			}
		}
	})
}

// FuzzUnescape escapes a path as the kernel does, and expects the path back.
func FuzzUnescape(f *testing.F) {
	for _, s := range []string{"a b", "\t\n\\#", `\040`, "\xff", "", `\`, `a\04`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		escaped := strings.NewReplacer(" ", `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`, "#", `\043`).Replace(s)
		if got := unescape(escaped); got != s {
			t.Errorf("%q comes back as %q", s, got)
		}
	})
}
