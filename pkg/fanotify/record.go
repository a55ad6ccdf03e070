package fanotify

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// errRecord says that a buffer cannot be what read(2) on a fanotify descriptor
// returns.
var errRecord = errors.New("malformed fanotify record")

// maxHandle is the size of the largest handle that is understood: those
// of ext4, xfs, tmpfs and btrfs have 8 to 20 bytes.
const maxHandle = 24

// inode tells one directory, or another file, from all others for as long as it exists:
// the file system and the file's handle on it. It can be a key of a map.
type inode struct {
	fsid   uint64
	kind   int32
	size   uint8
	handle [maxHandle]byte
}

// entry is a name in a directory; "." is the directory itself. name points into the
// read buffer, and is nil where the record has no such entry.
type entry struct {
	dir  inode
	name []byte
}

// record is one event. Of a rename it has from and to, of anything else at.
type record struct {
	mask         uint64
	at, from, to entry
	// file is the file that the event is about; its size is 0 where the record does not name it.
	file inode
	// strange says that the record names a directory by a handle that is too large.
	strange bool
}

const (
	metadataSize = unix.FAN_EVENT_METADATA_LEN
	infoHeader   = 4                  // type, padding, length
	fidHeader    = infoHeader + 8 + 8 // file system id, size and type of the handle
)

// nextRecord decodes the first record of buf and returns the rest. fanotify(7): the
// metadata are followed by information records, each with a length of its own.
func nextRecord(buf []byte) (r record, rest []byte, err error) {
	if len(buf) < metadataSize {
		return r, nil, errRecord
	}
	size := uint64(binary.NativeEndian.Uint32(buf))
	head := uint64(binary.NativeEndian.Uint16(buf[6:]))
	if buf[4] != unix.FANOTIFY_METADATA_VERSION || head < metadataSize || size < head || size > uint64(len(buf)) {
		return r, nil, errRecord
	}
	r.mask = binary.NativeEndian.Uint64(buf[8:])
	rest = buf[size:]
	for info := buf[head:size]; len(info) > 0; {
		if len(info) < infoHeader {
			return r, nil, errRecord
		}
		n := int(binary.NativeEndian.Uint16(info[2:]))
		if n < infoHeader || n > len(info) {
			return r, nil, errRecord
		}
		var e *entry
		switch info[0] {
		case unix.FAN_EVENT_INFO_TYPE_FID:
			if _, _, err := r.file.decode(info[:n]); err != nil {
				return r, nil, err
			}
		case unix.FAN_EVENT_INFO_TYPE_DFID_NAME:
			e = &r.at
		case unix.FAN_EVENT_INFO_TYPE_OLD_DFID_NAME:
			e = &r.from
		case unix.FAN_EVENT_INFO_TYPE_NEW_DFID_NAME:
			e = &r.to
		}
		if e != nil {
			known, err := e.decode(info[:n])
			if err != nil {
				return r, nil, err
			}
			r.strange = r.strange || !known
		}
		info = info[n:]
	}
	return r, rest, nil
}

// decode reads an information record of a directory and a name; known is false when its
// handle is too large.
func (e *entry) decode(info []byte) (known bool, err error) {
	name, known, err := e.dir.decode(info)
	if err != nil {
		return false, err
	}
	end := bytes.IndexByte(name, 0)
	if end <= 0 {
		return false, errRecord
	}
	if known {
		e.name = name[:end]
	}
	return known, nil
}

// decode reads the handle of an information record, and returns what follows it; known
// is false when it is too large.
func (d *inode) decode(info []byte) (rest []byte, known bool, err error) {
	if len(info) < fidHeader {
		return nil, false, errRecord
	}
	size := uint64(binary.NativeEndian.Uint32(info[12:]))
	if size > uint64(len(info)-fidHeader) {
		return nil, false, errRecord
	}
	rest = info[fidHeader+size:]
	if size > maxHandle {
		return rest, false, nil
	}
	d.fsid = binary.NativeEndian.Uint64(info[infoHeader:])
	d.kind, d.size = int32(binary.NativeEndian.Uint32(info[16:])), uint8(size)
	copy(d.handle[:], info[fidHeader:fidHeader+size])
	return rest, true, nil
}

// inodeOf is the file that fd stands for.
func inodeOf(fd int) (d inode, err error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return d, err
	}
	h, _, err := unix.NameToHandleAt(fd, "", unix.AT_EMPTY_PATH)
	if err != nil {
		return d, err
	}
	if h.Size() > maxHandle {
		return d, unix.EOVERFLOW
	}
	d.fsid = fsidOf(&st)
	d.kind, d.size = h.Type(), uint8(h.Size())
	copy(d.handle[:], h.Bytes())
	return d, nil
}

// fsidOf is the id of a file system, as records have it.
func fsidOf(st *unix.Statfs_t) uint64 {
	var b [8]byte
	binary.NativeEndian.PutUint32(b[:], uint32(st.Fsid.Val[0]))
	binary.NativeEndian.PutUint32(b[4:], uint32(st.Fsid.Val[1]))
	return binary.NativeEndian.Uint64(b[:])
}

// at tells whether the file of that name in the open directory fd is this one. Where that cannot be
// told, it returns true.
func (d *inode) at(fd int, name []byte) bool {
	h, _, err := unix.NameToHandleAt(fd, string(name), 0)
	switch {
	case errors.Is(err, unix.ENOENT):
		return false
	case err != nil, h.Type() != d.kind:
		return true
	}
	return bytes.Equal(h.Bytes(), d.handle[:d.size])
}

// How often, and at what distance, a directory is looked for while the kernel makes an
// inode of its number.
const (
	creatingTries = 200
	creatingPause = 100 * time.Microsecond
)

// find is open for a directory that may be gone, which gives ESTALE. A directory that is renamed
// while the kernel looks for its path gives ESTALE, too; a second try tells the two apart. ENOMEM
// comes not only from a lack of memory, but also for an inode number that was given to a new file
// which is not complete yet (iget_locked): a moment later the handle is stale.
func (d *inode) find(mount int) (fd int, err error) {
	for try, stale := 0, false; ; try++ {
		fd, err = d.open(mount)
		switch {
		case errors.Is(err, unix.ESTALE) && !stale:
			stale = true
		case errors.Is(err, unix.ENOMEM) && try < creatingTries:
			pause := unix.NsecToTimespec(int64(creatingPause))
			_ = unix.Nanosleep(&pause, nil)
		default:
			return fd, err
		}
	}
}

// open opens the directory, with O_PATH, below the mount that mount is on.
func (d *inode) open(mount int) (int, error) {
	return unix.OpenByHandleAt(mount, unix.NewFileHandle(d.kind, d.handle[:d.size]), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC)
}
