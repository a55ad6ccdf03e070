package brake

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

func TestParseMountInfo(t *testing.T) {
	table, err := parseMountInfo([]byte(sampleMountInfo))
	if err != nil || len(table) != 8 {
		t.Fatalf("%d mounts, %v", len(table), err)
	}
	if e := table[1]; e.id != 40 || e.point != "/data" || e.fsType != "nfs4" || e.source != "nas:/ex port" {
		t.Errorf("%+v", e)
	}
	if e := table[2]; e.point != "/data/a b\t\n\\#" || e.fsType != "xfs" {
		t.Errorf("%+v", e)
	}
	if got := table[5].identifier() + " " + table[6].identifier(); got != "upperdir=/u lowerdir=/l1" {
		t.Errorf("overlays are told apart by %q", got)
	}
	points := table.below("/data")
	if len(points) != 2 || points[0].rel != "a b\t\n\\#" || points[1].rel != "auto" || len(points[1].entries) != 1 || points[1].entries[0].id != 43 {
		t.Errorf("below /data: %+v", points)
	}
	if n := len(table.below("/")); n != 6 {
		t.Errorf("%d mount points below /", n)
	}
	for path, want := range map[string]uint64{"/": 21, "/home": 21, "/data": 40, "/data/x": 40, "/data/auto/y": 43, "/database/x": 44, "/dat": 21} {
		if got := table.at(path).id; got != want {
			t.Errorf("%s lies on mount %d, want %d", path, got, want)
		}
	}
}

func TestParseMountInfoRefusesWhatItCannotRead(t *testing.T) {
	for _, line := range []string{
		"x", "", "21 1 8:2 / / rw", "21 1 8:2 / / rw -", "21 1 8:2 / / rw - ext4 x", "a 1 8:2 / / rw - ext4 x rw",
		"21 1 8:2 / rel rw - ext4 x rw", "21 1 8:2 / /x - ext4 x rw",
	} {
		if _, err := parseMountInfo([]byte(sampleMountInfo + line + "\n")); !errors.Is(err, errMountInfo) {
			t.Errorf("%q: error %v", line, err)
		}
	}
	if _, err := readMountInfo(); err != nil {
		t.Errorf("the table of this host: %v", err)
	}
}

func FuzzParseMountInfo(f *testing.F) {
	f.Add([]byte(sampleMountInfo))
	for line := range strings.Lines(sampleMountInfo) {
		f.Add([]byte(line))
	}
	f.Add([]byte(`1 1 0:1 / /\1 rw - a b c`))
	f.Add([]byte(`1 1 0:1 / /\777\400\12 rw - a b \`))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := parseMountInfo(data)
		if err != nil {
			if table != nil {
				t.Error("half a table besides an error")
			}
			return
		}
		for _, e := range table {
			if !strings.HasPrefix(e.point, "/") {
				t.Errorf("mount point %q", e.point)
			}
			_ = e.identifier()
			for _, p := range table.below(e.point) {
				if p.rel == "" || len(p.entries) == 0 {
					t.Errorf("below %q: %+v", e.point, p)
				}
			}
			if at := table.at(e.point); at.point == "" {
				t.Errorf("%q lies on no mount", e.point)
			}
		}
	})
}

// Escaping as the kernel does it, and back.
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

func FuzzRawPath(f *testing.F) {
	for _, s := range []string{"", "a/b", "a b%41\x00\n\"\\<>&\xff\u00e4", "+", "%", "%zz"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text, err := RawPath(s).MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back RawPath
		if err := back.UnmarshalText(text); err != nil || string(back) != s {
			t.Errorf("%q became %s, then %q, %v", s, text, back, err)
		}
		for _, c := range text {
			if c <= ' ' || c >= 0x7f {
				t.Errorf("byte %#x in %s", c, text)
			}
		}
		_ = back.UnmarshalText([]byte(s)) // must not panic
	})
}
