package testkit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// full compares everything that rsync can carry.
var full = Compare{Modes: true, Times: true, Owners: true, Links: true, Xattrs: true, DirTimes: true}

// twins makes a source with one entry of each kind and an exact copy of it.
func twins(t *testing.T) (src, dst *Tree) {
	t.Helper()
	base := t.TempDir()
	src, dst = &Tree{Src: base + "/src"}, &Tree{Src: base + "/dst"}
	if err := os.Mkdir(src.Src, 0o755); err != nil {
		t.Fatal(err)
	}
	err := src.DoAll(
		Op{"mkdirp", "d/e"}, Op{"write", "f", "content\n"}, Op{"write", "d/g", "x\n"}, Op{"link", "f", "h"},
		Op{"symlink", "no where", "l"}, Op{"mkfifo", "p"}, Op{"write", "bad\xff\n*name", ""},
		Op{"write", ".dot", "1"}, Op{"write", "tilde~", "1"}, Op{"write", "d/4913", "1"},
	)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-a", src.Src, dst.Src).CombinedOutput(); err != nil {
		t.Fatalf("cp -a: %v %s", err, out)
	}
	return src, dst
}

func TestEqualFindsNothingInACopy(t *testing.T) {
	src, dst := twins(t)
	if diff := Equal(src.Src, dst.Src, full); len(diff) != 0 {
		t.Error(diff)
	}
}

func TestEqualFindsEachDifference(t *testing.T) {
	tests := map[string]struct {
		ops  []Op // the operations on the target
		c    Compare
		kind string
		path string
	}{
		"missing file":     {[]Op{{"rm", "f"}}, Compare{}, "missing", "f"},
		"missing hostile":  {[]Op{{"rm", "bad\xff\n*name"}}, Compare{}, "missing", "bad\xff\n*name"},
		"extra file":       {[]Op{{"write", "n"}}, Compare{}, "extra", "n"},
		"extra directory":  {[]Op{{"mkdir", "d/n"}}, Compare{}, "extra", "d/n"},
		"other content":    {[]Op{{"write", "f", "Content\n"}}, Compare{}, "content", "f"},
		"other length":     {[]Op{{"append", "d/g", "y"}}, Compare{}, "content", "d/g"},
		"other type":       {[]Op{{"rm", "f"}, {"mkdir", "f"}}, Compare{}, "type", "f"},
		"other target":     {[]Op{{"rm", "l"}, {"symlink", "else", "l"}}, Compare{}, "target", "l"},
		"mode":             {[]Op{{"chmod", "d/g", "600"}}, Compare{Modes: true}, "mode", "d/g"},
		"directory mode":   {[]Op{{"chmod", "d", "700"}}, Compare{Modes: true}, "mode", "d"},
		"time":             {[]Op{{"touch", "d/g", "1000000000"}}, Compare{Times: true}, "time", "d/g"},
		"directory time":   {[]Op{{"touch", "d", "1000000000"}}, Compare{DirTimes: true}, "time", "d"},
		"broken hard link": {[]Op{{"sh", "cp -p h h2 && mv h2 h"}}, Compare{Links: true}, "links", "f"},
		"dot file":         {[]Op{{"rm", ".dot"}}, Compare{DotFiles: true}, "missing", ".dot"},
		"rsync temporary":  {[]Op{{"write", "d/.g.aB3xYz"}}, Compare{Extra: AnyExtra}, "leftover", "d/.g.aB3xYz"},
		"partial dir":      {[]Op{{"mkdir", ".~tmp~"}}, Compare{Extra: AnyExtra}, "leftover", ".~tmp~"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			src, dst := twins(t)
			if err := dst.DoAll(tt.ops...); err != nil {
				t.Fatal(err)
			}
			diff := Equal(src.Src, dst.Src, tt.c)
			if len(diff) == 0 || diff[0].Kind != tt.kind || diff[0].Path != tt.path {
				t.Errorf("got %v, want %s %q first", diff, tt.kind, tt.path)
			}
		})
	}
}

func TestEqualFindsOwnersAndAttributes(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may give a file away")
	}
	src, dst := twins(t)
	if err := dst.DoAll(Op{"chown", "d/g", "1", "2"}, Op{"setxattr", "f", "user.k", "v"}); err != nil {
		t.Fatal(err)
	}
	diff := Equal(src.Src, dst.Src, Compare{Owners: true, Xattrs: true})
	kinds := map[string]bool{}
	for _, d := range diff {
		kinds[d.Kind] = true
	}
	if !kinds["owner"] || !kinds["xattrs"] {
		t.Errorf("got %v, want an owner and an attribute", diff)
	}
}

func TestEqualLeavesOut(t *testing.T) {
	tests := map[string]struct {
		ops []Op // the operations on the target
		c   Compare
	}{
		"temporary files": {[]Op{{"rm", ".dot"}, {"rm", "tilde~"}, {"rm", "d/4913"}, {"write", "n~"}}, Compare{}},
		"munged symlink":  {[]Op{{"rm", "l"}, {"symlink", MungePrefix + "no where", "l"}}, Compare{}},
		"allowed extra":   {[]Op{{"write", "n"}, {"mkdirp", "m/k"}}, Compare{Extra: AnyExtra}},
		"excluded directory": {[]Op{{"rmrf", "d"}}, Compare{Excluded: func(p string, dir bool) bool {
			return p == "d" && dir
		}}},
		"attributes not asked for": {[]Op{{"chmod", "d/g", "600"}, {"touch", "d/g", "1"}}, Compare{}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			src, dst := twins(t)
			if err := dst.DoAll(tt.ops...); err != nil {
				t.Fatal(err)
			}
			if diff := Equal(src.Src, dst.Src, tt.c); len(diff) != 0 {
				t.Error(diff)
			}
		})
	}
}

func TestEqualNamesAMissingSide(t *testing.T) {
	dir := t.TempDir()
	for _, sides := range [][2]string{{dir, dir + "/none"}, {dir + "/none", dir}} {
		if diff := Equal(sides[0], sides[1], Compare{}); len(diff) != 1 || diff[0].Kind != "error" {
			t.Errorf("%v: got %v, want one error", sides, diff)
		}
	}
}

func TestScanReachesBeyondPathMax(t *testing.T) {
	src := t.TempDir()
	name := strings.Repeat("D", 200)
	deep := Op{"sh", "i=0; while [ $i -lt 30 ]; do mkdir " + name + " && cd " + name + "; i=$((i+1)); done; echo x > f"}
	if err := (&Tree{Src: src}).Do(deep); err != nil {
		t.Fatal(err)
	}
	tree, err := Scan(src, false)
	if err != nil {
		t.Fatal(err)
	}
	deepest := ""
	for name := range tree {
		if len(name) > len(deepest) {
			deepest = name
		}
	}
	if len(deepest) < 4096 || tree[deepest].Type != 'd' {
		t.Errorf("%d entries, the deepest path has %d bytes", len(tree), len(deepest))
	}
}

func TestCompareFor(t *testing.T) {
	tests := map[string]Compare{
		"-artuz":                        {Modes: true, Times: true, Owners: true},
		"-rtz --delete":                 {Times: true},
		"--archive -H":                  {Modes: true, Times: true, Owners: true, Links: true},
		"":                              {},
		"-rlp --password-file=/etc/atX": {Modes: true},
	}
	for params, want := range tests {
		got := CompareFor(params)
		if got.Modes != want.Modes || got.Times != want.Times || got.Owners != want.Owners || got.Links != want.Links {
			t.Errorf("%q: got %+v, want %+v", params, got, want)
		}
	}
}

func TestTreeRefusesWhatItDoesNotKnow(t *testing.T) {
	tree := &Tree{Src: t.TempDir()}
	for _, op := range []Op{{"fly", "a"}, {"mv", "a"}, {"rm", "none"}, {"chmod", "", "9"}} {
		if tree.Do(op) == nil {
			t.Errorf("%q: no error", op)
		}
	}
	if _, err := os.Stat(filepath.Join(tree.Src, "a")); err == nil {
		t.Error("a refused operation left something")
	}
}
