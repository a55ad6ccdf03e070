package fanotify

import (
	"bytes"
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// rawInfo is an information record with a handle and, unless name is nil, a name.
func rawInfo(kind byte, fsid uint64, handle, name []byte) []byte {
	b := append([]byte(nil), make([]byte, fidHeader)...)
	b[0] = kind
	binary.NativeEndian.PutUint64(b[infoHeader:], fsid)
	binary.NativeEndian.PutUint32(b[12:], uint32(len(handle)))
	binary.NativeEndian.PutUint32(b[16:], 1)
	b = append(b, handle...)
	if name != nil {
		b = append(append(b, name...), 0)
	}
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	binary.NativeEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

func rawRecord(mask uint64, infos ...[]byte) []byte {
	b := append([]byte(nil), make([]byte, metadataSize)...)
	for _, i := range infos {
		b = append(b, i...)
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	b[4] = unix.FANOTIFY_METADATA_VERSION
	binary.NativeEndian.PutUint16(b[6:], metadataSize)
	binary.NativeEndian.PutUint64(b[8:], mask)
	return b
}

func TestRecordsAreDecoded(t *testing.T) {
	buf := rawRecord(unix.FAN_CREATE,
		rawInfo(unix.FAN_EVENT_INFO_TYPE_DFID_NAME, 7, []byte("12345678"), []byte("a name")),
		rawInfo(unix.FAN_EVENT_INFO_TYPE_FID, 7, []byte("file"), nil))
	buf = append(buf, rawRecord(unix.FAN_RENAME,
		rawInfo(unix.FAN_EVENT_INFO_TYPE_OLD_DFID_NAME, 7, []byte("old"), []byte("x")),
		rawInfo(unix.FAN_EVENT_INFO_TYPE_NEW_DFID_NAME, 8, []byte("new"), []byte("y")),
		rawInfo(99, 1, nil, nil))...)
	buf = append(buf, rawRecord(unix.FAN_Q_OVERFLOW)...)
	buf = append(buf, rawRecord(unix.FAN_DELETE, rawInfo(unix.FAN_EVENT_INFO_TYPE_DFID_NAME, 1, make([]byte, maxHandle+4), []byte("n")))...)

	r, rest, err := nextRecord(buf)
	if err != nil || r.mask != unix.FAN_CREATE || string(r.at.name) != "a name" || r.at.dir.fsid != 7 ||
		!bytes.Equal(r.at.dir.handle[:r.at.dir.size], []byte("12345678")) || string(r.file.handle[:r.file.size]) != "file" {
		t.Errorf("%+v, %v", r, err)
	}
	r, rest, err = nextRecord(rest)
	if err != nil || string(r.from.name) != "x" || string(r.to.name) != "y" || r.to.dir.fsid != 8 || r.at.name != nil {
		t.Errorf("%+v, %v", r, err)
	}
	if r, rest, err = nextRecord(rest); err != nil || r.mask != unix.FAN_Q_OVERFLOW || r.at.name != nil {
		t.Errorf("%+v, %v", r, err)
	}
	if r, rest, err = nextRecord(rest); err != nil || !r.strange || len(rest) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestMalformedRecordsAreErrors(t *testing.T) {
	name := rawInfo(unix.FAN_EVENT_INFO_TYPE_DFID_NAME, 1, []byte("dir!"), []byte("n"))
	whole := rawRecord(unix.FAN_CREATE, name)
	change := func(at int, value byte) []byte {
		b := bytes.Clone(whole)
		b[at] = value
		return b
	}
	for what, buf := range map[string][]byte{
		"short":              whole[:metadataSize-1],
		"cut off":            whole[:len(whole)-1],
		"version":            change(4, 2),
		"metadata too small": change(6, 8),
		"record too small":   change(0, 8),
		"info too large":     change(metadataSize+2, 200),
		"info too small":     change(metadataSize+2, 3),
		"handle too large":   change(metadataSize+12, 200),
		"no name":            rawRecord(unix.FAN_CREATE, rawInfo(unix.FAN_EVENT_INFO_TYPE_DFID_NAME, 1, []byte("dir!"), []byte{})),
	} {
		if r, _, err := nextRecord(buf); err == nil {
			t.Errorf("%s: %+v", what, r)
		}
	}
}

// FuzzRecord: any bytes give either an error or a record, and leave fewer bytes to read.
func FuzzRecord(f *testing.F) {
	f.Add(rawRecord(unix.FAN_CREATE, rawInfo(unix.FAN_EVENT_INFO_TYPE_DFID_NAME, 1, []byte("dir!"), []byte("n"))))
	f.Add(rawRecord(unix.FAN_RENAME, rawInfo(unix.FAN_EVENT_INFO_TYPE_OLD_DFID_NAME, 1, []byte("dir!"), []byte("n")),
		rawInfo(unix.FAN_EVENT_INFO_TYPE_NEW_DFID_NAME, 1, []byte("dir!"), []byte("n"))))
	f.Add(rawRecord(unix.FAN_Q_OVERFLOW))
	f.Fuzz(func(t *testing.T, buf []byte) {
		for len(buf) > 0 {
			r, rest, err := nextRecord(buf)
			if err != nil {
				return
			}
			if len(rest) >= len(buf) {
				t.Fatal("no progress")
			}
			for _, e := range []entry{r.at, r.from, r.to} {
				if e.name != nil && (len(e.name) == 0 || bytes.IndexByte(e.name, 0) >= 0 || e.dir.size > maxHandle) {
					t.Fatalf("%+v", e)
				}
			}
			buf = rest
		}
	})
}
