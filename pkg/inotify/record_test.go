package inotify

import (
	"bytes"
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent/watchertest"
)

func rawRecord(wd int32, mask, cookie uint32, name string) []byte {
	size := 0
	if name != "" {
		size = (len(name) + 1 + 15) &^ 15
	}
	b := make([]byte, unix.SizeofInotifyEvent+size)
	binary.NativeEndian.PutUint32(b, uint32(wd))
	binary.NativeEndian.PutUint32(b[4:], mask)
	binary.NativeEndian.PutUint32(b[8:], cookie)
	binary.NativeEndian.PutUint32(b[12:], uint32(size))
	copy(b[unix.SizeofInotifyEvent:], name)
	return b
}

func TestNextRecord(t *testing.T) {
	buf := append(rawRecord(7, unix.IN_CREATE, 0, "a\xff\n"), rawRecord(-1, unix.IN_Q_OVERFLOW, 9, "")...)
	r, rest, err := nextRecord(buf)
	if err != nil || r.wd != 7 || r.mask != unix.IN_CREATE || string(r.name) != "a\xff\n" {
		t.Fatalf("got %+v, %v", r, err)
	}
	r, rest, err = nextRecord(rest)
	if err != nil || r.wd != -1 || r.cookie != 9 || len(r.name) != 0 || len(rest) != 0 {
		t.Fatalf("got %+v, %d bytes left, %v", r, len(rest), err)
	}
	for cut := 1; cut < 32; cut++ {
		if _, _, err := nextRecord(buf[:cut]); err == nil {
			t.Errorf("%d bytes of a record were accepted", cut)
		}
	}
}

func FuzzNextRecord(f *testing.F) {
	f.Add(rawRecord(1, unix.IN_CREATE|unix.IN_ISDIR, 0, "dir"))
	f.Add(append(rawRecord(1, unix.IN_MOVED_FROM, 5, "a"), rawRecord(2, unix.IN_MOVED_TO, 5, "b")...))
	f.Add(bytes.Repeat([]byte{0xff}, 40))
	f.Fuzz(func(t *testing.T, buf []byte) {
		for len(buf) > 0 {
			r, rest, err := nextRecord(buf)
			if err != nil {
				return
			}
			if len(rest) >= len(buf) || bytes.IndexByte(r.name, 0) >= 0 {
				t.Fatalf("record %+v of %d bytes leaves %d", r, len(buf), len(rest))
			}
			buf = rest
		}
	})
}

// FuzzHandle feeds whole streams of records to a session: whatever they hold, the table stays a
// tree in which every node can be found.
func FuzzHandle(f *testing.F) {
	dir := uint32(unix.IN_ISDIR)
	f.Add(append(rawRecord(2, unix.IN_MOVED_FROM|dir, 5, "a"), rawRecord(3, unix.IN_MOVED_TO|dir, 5, "b")...))
	f.Add(append(rawRecord(1, unix.IN_MOVED_FROM|dir, 5, "2"), rawRecord(4, unix.IN_MOVED_TO|dir, 5, "b")...))
	f.Add(append(rawRecord(3, unix.IN_IGNORED, 0, ""), rawRecord(2, unix.IN_DELETE|dir, 0, "3")...))
	f.Fuzz(func(t *testing.T, buf []byte) {
		w, err := New("/", Options{})
		if err != nil {
			t.Fatal(err)
		}
		s := newSession(w)
		s.t.rootWd = 1
		s.t.root = s.t.create(1)
		parent := s.t.root
		for wd := int32(2); wd < 6; wd++ {
			n := s.t.create(wd)
			s.t.attach(n, parent, []byte{'0' + byte(wd)})
			parent = n
		}
		if err := s.apply(buf, true, &watchertest.Told{}); err != nil && len(buf) == 0 {
			t.Fatal(err)
		}
		for n := range int32(s.t.size) {
			e := s.t.at(n)
			if e.flags&flagUsed == 0 {
				continue
			}
			if s.t.lookup(e.wd) != n {
				t.Errorf("wd %d is lost", e.wd)
			}
			if e.parent != none && s.t.childOf(e.parent, s.t.nameOf(n)) != n {
				t.Errorf("wd %d is not found under its name", e.wd)
			}
			if depth := 0; e.parent != none {
				for m := n; m != none; m = s.t.at(m).parent {
					if depth++; depth > s.t.size {
						t.Fatal("the table has a loop")
					}
				}
			}
		}
	})
}

func TestTableAgainstModel(t *testing.T) {
	tab := newTable()
	tab.root = tab.create(1)
	nodes := map[int32]string{}
	for wd := int32(2); wd < 3000; wd++ {
		n := tab.create(wd)
		name := string(rune('a'+wd%26)) + string(binary.NativeEndian.AppendUint32(nil, uint32(wd)))
		tab.attach(n, tab.root, []byte(name))
		nodes[wd] = name
		if wd%3 == 0 {
			gone := wd / 2
			if m := tab.lookup(gone); m != none && gone > 1 {
				tab.remove(m)
				delete(nodes, gone)
			}
		}
	}
	for wd := int32(2); wd < 3000; wd++ {
		name, ok := nodes[wd]
		n := tab.lookup(wd)
		if ok != (n != none) {
			t.Fatalf("wd %d: in the table %v, should be %v", wd, n != none, ok)
		}
		if ok && tab.childOf(tab.root, []byte(name)) != n {
			t.Fatalf("wd %d not found as %q", wd, name)
		}
	}
	if tab.live != len(nodes)+1 {
		t.Errorf("%d nodes counted, want %d", tab.live, len(nodes)+1)
	}
}
