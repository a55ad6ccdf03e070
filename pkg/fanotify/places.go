package fanotify

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// maxOutside bounds what is remembered of directories outside of the root: some 4 MB.
const maxOutside = 1 << 15

// place is where a directory is.
type place struct {
	// dirs are its paths below the root: several where its file system is mounted
	// several times there, none when it lies outside, is skipped, or is gone.
	dirs    []string
	outside bool // it lies outside, and not only is gone
	// deep says that its path is longer than the kernel reports; dirs are then those of the nearest
	// directory above it whose path is short enough.
	deep bool
	fd   int // of the directory, until the batch ends; -1 when there is none
}

// point is a mounted file system: that of the root, or one below it.
type point struct {
	rel  string
	fsid uint64
	dev  uint64
	ino  uint64
	// As of this batch of records; see places.
	tried bool
	fd    int
	text  string
}

// places resolves directories to paths. What it finds is used for one batch of records that have
// been read, so everything in them has happened before. A path is thus never older than the event
// for which it is looked up, and renames need not be followed. That a directory is outside is
// remembered for longer. A rename that brings a directory in has a record, and its reader calls
// forget; whatever was dropped before is below the directory of that record, which is reported as a
// whole.
type places struct {
	root    string
	kernel  *kernel
	skip    func(rel string) bool // may be nil
	points  []*point              // the first one is the root's
	outside map[inode]struct{}

	batch map[inode]place
	open  int  // descriptors of places of this batch
	added bool // to outside, in this batch
	// lost says that the root's path leads to something else.
	lost bool
	// failed says why changes may have been dropped: a directory could not be looked at, or a
	// verdict may be wrong.
	failed error
}

// errMoved says that the root was moved while directories were looked for.
var errMoved = errors.New("a directory above the watch root was renamed")

func newPlaces(root string, k *kernel, skip func(string) bool) *places {
	return &places{root: root, kernel: k, skip: skip, outside: map[inode]struct{}{}, batch: map[inode]place{}}
}

// forget drops what is known of directories outside.
func (p *places) forget() { clear(p.outside) }

// end ends a batch: no descriptor stays open.
func (p *places) end() {
	if p.added && len(p.points) > 0 && p.points[0].fd >= 0 {
		// The verdicts compare paths with that of the root.
		if text, err := p.kernel.textOf(p.points[0].fd); err != nil || text != p.points[0].text {
			p.forget()
			p.failed = errMoved
		}
	}
	for _, at := range p.batch {
		if at.fd >= 0 {
			unix.Close(at.fd)
		}
	}
	p.added, p.open = false, 0
	clear(p.batch)
	for _, m := range p.points {
		if m.fd >= 0 {
			unix.Close(m.fd)
		}
		m.tried, m.fd, m.text = false, -1, ""
	}
}

// of returns where a directory is.
func (p *places) of(d *inode) place {
	if _, out := p.outside[*d]; out {
		return place{outside: true, fd: -1}
	}
	if at, known := p.batch[*d]; known {
		return at
	}
	at := p.find(d)
	p.batch[*d] = at
	if at.outside {
		if len(p.outside) >= maxOutside {
			p.forget()
		}
		p.outside[*d] = struct{}{}
		p.added = true
	}
	return at
}

func (p *places) find(d *inode) (at place) {
	at.outside, at.fd = true, -1
	for _, m := range p.points {
		if m.fsid != d.fsid {
			continue
		}
		if !p.reach(m) {
			at.outside = false
			continue
		}
		rel, where, fd, err := p.through(m, d)
		switch {
		case errors.Is(err, unix.ESTALE), errors.Is(err, unix.ENOENT):
			at.outside = false // deleted, which its own record tells
		case err != nil:
			at.outside = false
			p.failed = err
		case where == elsewhere:
		default:
			at.outside = false
			at.deep = at.deep || where == tooDeep
			if !p.skipped(rel) {
				at.dirs = append(at.dirs, rel)
			}
		}
		switch {
		case fd < 0:
		case len(at.dirs) > 0 && at.fd < 0 && p.open < maxOpen:
			at.fd = fd
			p.open++
		default:
			unix.Close(fd)
		}
	}
	return at
}

// maxOpen bounds the descriptors that a batch keeps open.
const maxOpen = 64

// holds tells whether file is still the one called name in the directory d, which is at the place
// at. Where that cannot be told, it returns true.
func (p *places) holds(d *inode, at place, name []byte, file *inode) bool {
	if at.fd >= 0 {
		return file.at(at.fd, name)
	}
	for _, m := range p.points {
		if m.fsid != d.fsid || !p.reach(m) {
			continue
		}
		if fd, err := d.find(m.fd); err == nil {
			defer unix.Close(fd)
			return file.at(fd, name)
		}
	}
	return true
}

// reach opens a mount point for this batch; false when it is not there any more.
func (p *places) reach(m *point) bool {
	if m.tried {
		return m.fd >= 0
	}
	m.tried, m.fd = true, -1
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	var fd int
	var err error
	switch top := p.points[0]; {
	case m == top:
		fd, err = unix.Open(p.root, flags, 0)
	case !p.reach(top):
		return false
	default:
		fd, err = unix.Openat(top.fd, m.rel, flags|unix.O_NOFOLLOW, 0)
	}
	if err == nil {
		var st unix.Stat_t
		if err = unix.Fstat(fd, &st); err == nil && (st.Dev != m.dev || st.Ino != m.ino) {
			err = unix.ESTALE
		}
		if err == nil {
			m.text, err = p.kernel.textOf(fd)
		}
		if err != nil {
			unix.Close(fd)
		}
	}
	switch {
	case err == nil:
	case m == p.points[0]:
		// Should the root turn out to be there, records were dropped.
		p.lost, p.failed = true, err
		return false
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ESTALE):
		return false // unmounted, or hidden by another mount
	default:
		p.failed = err
		return false
	}
	m.fd = fd
	return true
}

// whereabouts says where a directory is, by its path.
type whereabouts uint8

const (
	elsewhere whereabouts = iota // it does not lie below the mount point
	below                        // it does, or is the mount point itself
	tooDeep                      // a directory above it does: its own path is too long
)

// through looks for a directory by way of a mount point. fd, unless it is negative, is
// the directory, for the caller to close.
func (p *places) through(m *point, d *inode) (rel string, where whereabouts, fd int, err error) {
	if fd, err = d.find(m.fd); err != nil {
		return "", elsewhere, -1, fmt.Errorf("open_by_handle_at: %w", err)
	}
	where = below
	text, err := p.kernel.textOf(fd)
	for errors.Is(err, unix.ENAMETOOLONG) {
		where = tooDeep
		up, upErr := unix.Openat(fd, "..", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if upErr != nil {
			return "", elsewhere, fd, fmt.Errorf("open the directory above: %w", upErr)
		}
		unix.Close(fd)
		fd = up
		text, err = p.kernel.textOf(fd)
	}
	if err != nil {
		return "", elsewhere, fd, fmt.Errorf("path of an open directory: %w", err)
	}
	if strings.HasSuffix(text, deleted) {
		// A name can end so, too.
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Nlink == 0 {
			return "", elsewhere, fd, unix.ESTALE
		}
	}
	inside, ok := cut(text, m.text)
	switch {
	case !ok:
		return "", elsewhere, fd, nil
	case m.rel == "":
		return inside, where, fd, nil
	case inside == "":
		return m.rel, where, fd, nil
	}
	return m.rel + "/" + inside, where, fd, nil
}

// deleted ends the text of a directory that is gone and still open somewhere.
const deleted = " (deleted)"

// cut returns what text names below the directory dir.
func cut(text, dir string) (rel string, ok bool) {
	if text == dir {
		return "", true
	}
	if dir != "/" {
		text, ok = strings.CutPrefix(text, dir)
		if !ok {
			return "", false
		}
	}
	return strings.CutPrefix(text, "/")
}

// skipped tells whether a directory, or one above it, is skipped.
func (p *places) skipped(rel string) bool {
	if p.skip == nil || rel == "" {
		return false
	}
	for i := range len(rel) {
		if rel[i] == '/' && p.skip(rel[:i]) {
			return true
		}
	}
	return p.skip(rel)
}

// textOf is the path of an open directory.
func (k *kernel) textOf(fd int) (string, error) {
	var buf [unix.PathMax]byte
	n, err := unix.Readlink(k.proc+"/self/fd/"+strconv.Itoa(fd), buf[:])
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}
