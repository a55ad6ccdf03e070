// Package mountpoints follows what is mounted at and below a directory.
package mountpoints

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fstree"
)

// Points are the mount points at and below a directory, as of the last look. They
// are not safe for concurrent use.
type Points struct {
	fd     int // /proc/self/mountinfo, -1 where there is none
	root   string
	mounts map[string]fstree.Mount // by relative path, the topmost
}

// None are the points of no directory.
func None() Points { return Points{fd: -1} }

// Close closes the descriptor.
func (p *Points) Close() {
	if p.fd >= 0 {
		unix.Close(p.fd)
		p.fd = -1
	}
}

// Open remembers what is mounted now. The directory dir is open as fd, whose name in proc (where
// procfs is mounted) is the path without links.
func (p *Points) Open(dir string, fd int, proc string) {
	proc += "/self/"
	p.root = dir
	buf := make([]byte, unix.PathMax)
	if n, err := unix.Readlink(proc+"fd/"+strconv.Itoa(fd), buf); err == nil {
		p.root = string(buf[:n])
	}
	var err error
	if p.fd, err = unix.Open(proc+"mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		p.fd = -1
		return
	}
	p.mounts = p.read()
}

// FD is readable (POLLPRI) when mounts have changed; it is -1 where the kernel does not tell.
func (p *Points) FD() int { return p.fd }

// Mounts are the topmost mounts by the relative paths of their mount points, as of
// the last look; "" is the directory itself. They are not to be changed.
func (p *Points) Mounts() map[string]fstree.Mount { return p.mounts }

// Look looks again, and returns what was there before.
func (p *Points) Look() (before map[string]fstree.Mount) {
	before = p.mounts
	p.mounts = p.read()
	return before
}

// read returns the mounts at or below the directory, by relative path.
func (p *Points) read() map[string]fstree.Mount {
	var data []byte
	buf := make([]byte, 64<<10)
	if _, err := unix.Seek(p.fd, 0, unix.SEEK_SET); err != nil {
		return p.mounts
	}
	for {
		n, err := unix.Read(p.fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return p.mounts
		}
		if n == 0 {
			table, err := fstree.ParseMounts(data)
			if err != nil {
				return p.mounts
			}
			return below(table, p.root)
		}
		data = append(data, buf[:n]...)
	}
}

// below returns the topmost mount at each mount point at or below the directory, by relative path.
func below(table fstree.Mounts, root string) map[string]fstree.Mount {
	points := map[string]fstree.Mount{}
	prefix := strings.TrimSuffix(root, "/") + "/"
	for _, m := range table {
		if m.Point == root {
			points[""] = m
		} else if rel, ok := strings.CutPrefix(m.Point, prefix); ok {
			points[rel] = m
		}
	}
	return points
}
