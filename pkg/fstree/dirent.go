package fstree

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// Entry is one name of a directory listing. "." and ".." never appear.
type Entry struct {
	// Name points into the listing buffer: valid during the callback only.
	Name []byte
	Ino  uint64
	// Type is the d_type of getdents64(2): unix.DT_DIR, unix.DT_REG, ...; the
	// walker has replaced DT_UNKNOWN by what fstatat(2) says.
	Type uint8
}

// errDirent says that a getdents64 buffer cannot be what the kernel writes.
var errDirent = errors.New("malformed directory record")

// direntHeader is the size of struct linux_dirent64 before d_name: d_ino (8),
// d_off (8), d_reclen (2), d_type (1).
const direntHeader = 19

// parseDirents appends the records of a getdents64(2) buffer to out. It stops
// at the first record that does not fit and returns what it has with errDirent.
func parseDirents(buf []byte, out []Entry) ([]Entry, error) {
	for len(buf) > 0 {
		if len(buf) < direntHeader {
			return out, errDirent
		}
		size := int(binary.NativeEndian.Uint16(buf[16:]))
		if size < direntHeader || size > len(buf) {
			return out, errDirent
		}
		name := buf[direntHeader:size]
		if i := bytes.IndexByte(name, 0); i >= 0 {
			name = name[:i]
		}
		ino, typ := binary.NativeEndian.Uint64(buf), buf[18]
		buf = buf[size:]
		// Inode 0 marks a deleted entry on some file systems, and a name
		// with a slash can only come from a damaged or hostile one.
		if ino == 0 || !validName(name) {
			continue
		}
		out = append(out, Entry{Name: name, Ino: ino, Type: typ})
	}
	return out, nil
}

func validName(name []byte) bool {
	switch {
	case len(name) == 0,
		len(name) == 1 && name[0] == '.',
		len(name) == 2 && name[0] == '.' && name[1] == '.':
		return false
	}
	return bytes.IndexByte(name, '/') < 0
}
