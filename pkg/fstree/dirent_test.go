package fstree

import (
	"encoding/binary"
	"testing"
)

func dirent(ino uint64, typ uint8, name string) []byte {
	size := (direntHeader + len(name) + 1 + 7) &^ 7
	b := make([]byte, size)
	binary.NativeEndian.PutUint64(b, ino)
	binary.NativeEndian.PutUint16(b[16:], uint16(size))
	b[18] = typ
	copy(b[direntHeader:], name)
	return b
}

func TestParseDirents(t *testing.T) {
	var buf []byte
	for _, d := range [][]byte{
		dirent(1, 4, "."), dirent(2, 4, ".."), dirent(3, 8, "a"), dirent(0, 8, "deleted"),
		dirent(4, 4, "x/y"), dirent(5, 4, "..."), dirent(6, 8, ""), dirent(7, 10, "\xff\n"),
	} {
		buf = append(buf, d...)
	}
	got, err := parseDirents(buf, nil)
	if err != nil || len(got) != 3 {
		t.Fatalf("got %v, %v; want 3 entries", got, err)
	}
	if string(got[0].Name) != "a" || got[0].Ino != 3 || got[0].Type != 8 ||
		string(got[1].Name) != "..." || string(got[2].Name) != "\xff\n" {
		t.Errorf("got %v", got)
	}
	if got, err := parseDirents(buf[:len(buf)-1], nil); err == nil || len(got) != 2 {
		t.Errorf("truncated buffer: got %d entries, %v; want 2 and an error", len(got), err)
	}
}

func FuzzParseDirents(f *testing.F) {
	f.Add(dirent(3, 8, "a"))
	f.Add(append(dirent(1, 4, ".."), dirent(9, 4, "sub")...))
	f.Add([]byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, buf []byte) {
		got, _ := parseDirents(buf, nil)
		for _, e := range got {
			if !validName(e.Name) || e.Ino == 0 {
				t.Errorf("entry %q (inode %d) must not pass", e.Name, e.Ino)
			}
		}
	})
}
