package change

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

func one() Message {
	return Message{
		Epoch: Epoch{1, 2, 15: 16}, Generation: 1 << 60, Time: time.Unix(1, 2),
		Entries: []Entry{
			{Path: "a/\xff\n", State: File, Mode: syscall.S_IFREG | 0o4755, UID: 1 << 31, GID: 7, ModTime: -1, Size: 5, Content: []byte("hello")},
			{Path: "empty", State: File, Mode: syscall.S_IFREG, Content: []byte{}},
			{Path: "large", State: File, Mode: syscall.S_IFREG, Size: 1 << 40, ModTime: 1 << 62, Fetch: true},
			{Path: "", State: Dir, Mode: syscall.S_IFDIR | 0o1777, UID: 3},
			{Path: "l", State: Link, UID: 1, GID: 2, ModTime: 3, Target: "../../elsewhere"},
			{Path: "dev", State: Special, Mode: syscall.S_IFCHR, Rdev: 1<<63 | 5},
			{Path: "...", State: Gone},
			{Path: "", State: Tree, Exact: true},
		},
	}
}

func encoded(t testing.TB, m Message) []byte {
	t.Helper()
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for name, m := range map[string]Message{
		"every state": one(),
		"nothing":     {Time: time.Unix(0, 0)},
		"compressed": {Time: time.Unix(0, 0), Entries: []Entry{{
			Path: "f", State: File, Mode: syscall.S_IFREG, Size: MaxContent, Content: bytes.Repeat([]byte("ab"), MaxContent/2),
		}}},
	} {
		got, err := Decode(encoded(t, m))
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%s: %v\n%+v, want\n%+v", name, err, got, m)
		}
	}
}

func TestContentIsCompressed(t *testing.T) {
	m := Message{Entries: []Entry{{Path: "f", State: File, Mode: syscall.S_IFREG, Size: MaxContent, Content: make([]byte, MaxContent)}}}
	if b := encoded(t, m); len(b) > MaxContent/10 {
		t.Errorf("%d zeros take %d bytes", MaxContent, len(b))
	}
}

func TestPathsThatLeadOutAreRefused(t *testing.T) {
	for path, want := range map[string]error{
		"/": ErrPath, "/etc/passwd": ErrPath, "..": ErrPath, "../x": ErrPath, "a/../b": ErrPath, "a/..": ErrPath,
		".": ErrPath, "./a": ErrPath, "a/.": ErrPath, "a/": ErrPath, "a//b": ErrPath, "a\x00b": ErrPath,
		strings.Repeat("n", MaxName+1):             ErrLimit,
		strings.Repeat("d/", MaxPath/2+1) + "f":    ErrLimit,
		strings.Repeat("d/", MaxPath/2) + "f":      nil,
		"a/" + strings.Repeat("n", MaxName) + "/b": nil,
		"...":   nil,
		"a/..b": nil,
		" ":     nil,
		"\xff":  nil,
	} {
		e := Entry{Path: path, State: Gone}
		if _, err := (Message{Entries: []Entry{e}}).Encode(); !errors.Is(err, want) {
			t.Errorf("%q is written: %v, want %v", path, err, want)
		}
		if _, err := Decode(seal(bodyOf(e))); !errors.Is(err, want) {
			t.Errorf("%q is read: %v, want %v", path, err, want)
		}
	}
}

// bodyOf is a body with entries that Encode would refuse.
func bodyOf(entries ...Entry) []byte {
	body := make([]byte, len(Epoch{}), 100)
	body = append(body, 0, 0)
	body = binary.AppendUvarint(body, uint64(len(entries)))
	for _, e := range entries {
		body = e.append(body)
	}
	return body
}

func TestContradictionsAreRefused(t *testing.T) {
	reg := uint32(syscall.S_IFREG)
	for name, c := range map[string]struct {
		e    Entry
		want error
	}{
		"the root as a file":        {Entry{State: File, Mode: reg}, ErrPath},
		"the root is gone":          {Entry{State: Gone}, ErrPath},
		"a file that is a link":     {Entry{Path: "f", State: File, Mode: syscall.S_IFLNK}, ErrEntry},
		"a directory that is none":  {Entry{Path: "d", State: Dir, Mode: reg}, ErrEntry},
		"a special file":            {Entry{Path: "s", State: Special, Mode: reg}, ErrEntry},
		"a link to nothing":         {Entry{Path: "l", State: Link}, ErrEntry},
		"a link with a NUL":         {Entry{Path: "l", State: Link, Target: "a\x00"}, ErrEntry},
		"a link that is too long":   {Entry{Path: "l", State: Link, Target: strings.Repeat("x", MaxPath+1)}, ErrLimit},
		"too much content":          {Entry{Path: "f", State: File, Mode: reg, Size: MaxContent + 1, Content: make([]byte, MaxContent+1)}, ErrLimit},
		"no such state":             {Entry{Path: "x", State: 9}, ErrEntry},
		"state nought":              {Entry{Path: "x"}, ErrEntry},
		"a directory to be fetched": {Entry{Path: "d", State: Dir, Mode: syscall.S_IFDIR, Fetch: true}, ErrEntry},
		"a file that is exact":      {Entry{Path: "f", State: File, Mode: reg, Exact: true}, ErrEntry},
	} {
		if err := c.e.Check(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if _, err := Decode(seal(bodyOf(c.e))); !errors.Is(err, c.want) {
			t.Errorf("%s is read: %v, want %v", name, err, c.want)
		}
	}
	short := Entry{Path: "f", State: File, Mode: reg, Size: 4, Content: []byte("abc")}
	if err := short.Check(); !errors.Is(err, ErrEntry) {
		t.Errorf("a content that is too short: %v", err)
	}
}

func TestDamageIsSeen(t *testing.T) {
	whole := encoded(t, one())
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 1
		if _, err := Decode(b); err == nil {
			t.Errorf("a changed byte %d is not seen", i)
		}
		if _, err := Decode(whole[:i]); err == nil {
			t.Errorf("a message cut off after %d bytes is not seen", i)
		}
	}
}

func TestOthersAreRefused(t *testing.T) {
	resealed := func(change func([]byte)) []byte {
		b := encoded(t, one())
		change(b)
		end := len(b) - sumLen
		return binary.LittleEndian.AppendUint32(b[:end:end], crc32.Checksum(b[:end], castagnoli))
	}
	huge := func() []byte {
		b := append([]byte(magic), version, flagCompressed)
		b = binary.AppendUvarint(b, MaxBody+1)
		return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	}
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"nothing":                  {nil, ErrForeign},
		"JSON":                     {[]byte(`{"seq":1}`), ErrForeign},
		"a later version":          {resealed(func(b []byte) { b[3]++ }), ErrFuture},
		"an unknown flag":          {resealed(func(b []byte) { b[4] |= 0x80 }), ErrDamaged},
		"the head alone":           {[]byte("ssc\x01\x00"), ErrDamaged},
		"a body beyond the limit":  {huge(), ErrLimit},
		"more than any message":    {append(resealed(func([]byte) {}), make([]byte, 2*MaxBody)...), ErrLimit},
		"more entries than it has": {seal(append(make([]byte, len(Epoch{})+2), 200, 1)), ErrDamaged},
		"something after the end":  {seal(append(bodyOf(), 0)), ErrDamaged},
	} {
		if _, err := Decode(c.b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestTheLimitHoldsForBothEnds(t *testing.T) {
	var m Message
	for n := Overhead; ; {
		e := Entry{Path: "f", State: File, Mode: syscall.S_IFREG, Size: MaxContent, Content: bytes.Repeat([]byte("xy"), MaxContent/2)}
		if n += e.Weight(); n > MaxBody {
			break
		}
		m.Entries = append(m.Entries, e)
	}
	if _, err := Decode(encoded(t, m)); err != nil {
		t.Errorf("a message that fits is refused: %v", err)
	}
	m.Entries = append(m.Entries, m.Entries[0])
	if _, err := m.Encode(); !errors.Is(err, ErrLimit) {
		t.Errorf("a message that does not fit is written: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encoded(f, one()))
	f.Add(encoded(f, Message{Entries: []Entry{{Path: "a", State: Gone}, {State: Tree}}}))
	f.Add([]byte("ssc\x01\x01\x05"))
	f.Fuzz(func(t *testing.T, b []byte) {
		held(t, b)
		held(t, seal(b)) // with a right checksum the message is decoded, whatever else it holds
		if len(b) > 0 {
			held(t, seal(append(make([]byte, len(Epoch{}), len(Epoch{})+2+len(b)), b...)))
		}
	})
}

// held checks what must be true of every message that can be decoded.
func held(t *testing.T, b []byte) {
	t.Helper()
	m, err := Decode(b)
	if err != nil {
		return
	}
	size := 0
	for _, e := range m.Entries {
		if err := e.Check(); err != nil {
			t.Errorf("%q was read: %v", e.Path, err)
		}
		size += len(e.Path) + len(e.Target) + len(e.Content)
	}
	if size > MaxBody {
		t.Errorf("%d bytes were read", size)
	}
	again, err := m.Encode()
	if err != nil {
		t.Fatalf("a message that was decoded cannot be encoded: %v", err)
	}
	if back, err := Decode(again); err != nil || !reflect.DeepEqual(m, back) {
		t.Errorf("%v: read again it is\n%+v, not\n%+v", err, back, m)
	}
}
