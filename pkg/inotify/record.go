package inotify

import (
	"bytes"
	"encoding/binary"
	"errors"

	"golang.org/x/sys/unix"
)

// errRecord says that a buffer cannot be what read(2) on an inotify
// descriptor returns.
var errRecord = errors.New("malformed inotify record")

// record is one struct inotify_event. name points into the read buffer.
type record struct {
	wd     int32
	mask   uint32
	cookie uint32
	name   []byte
}

// nextRecord decodes the first record of buf and returns the rest. inotify(7):
// the name is padded with NULs up to len, so it ends at the first one.
func nextRecord(buf []byte) (r record, rest []byte, err error) {
	if len(buf) < unix.SizeofInotifyEvent {
		return record{}, nil, errRecord
	}
	size := uint64(binary.NativeEndian.Uint32(buf[12:])) + unix.SizeofInotifyEvent
	if size > uint64(len(buf)) {
		return record{}, nil, errRecord
	}
	r.wd = int32(binary.NativeEndian.Uint32(buf))
	r.mask = binary.NativeEndian.Uint32(buf[4:])
	r.cookie = binary.NativeEndian.Uint32(buf[8:])
	r.name = buf[unix.SizeofInotifyEvent:size]
	if i := bytes.IndexByte(r.name, 0); i >= 0 {
		r.name = r.name[:i]
	}
	return r, buf[size:], nil
}
