package inotify

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fstree"

	"github.com/sersync/sersync/pkg/fsevent"
)

// mounts follows the mount points at and below the root. Owned by the reader.
type mounts struct {
	fd      int // /proc/self/mountinfo, -1 where there is none
	root    string
	points  map[string]uint64 // mount point -> mount id, the topmost
	changed bool
}

func (m *mounts) close() {
	if m.fd >= 0 {
		unix.Close(m.fd)
		m.fd = -1
	}
}

// open remembers what is mounted now. The watch path dir is open as fd: its name in
// proc, where procfs is mounted, is without the links that the watch path may contain.
func (m *mounts) open(dir string, fd int, proc string) {
	proc += "/self/"
	m.root = dir
	buf := make([]byte, unix.PathMax)
	if n, err := unix.Readlink(proc+"fd/"+strconv.Itoa(fd), buf); err == nil {
		m.root = string(buf[:n])
	}
	var err error
	if m.fd, err = unix.Open(proc+"mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		m.fd = -1
		return
	}
	m.points = m.read()
}

// read returns the mount points at or below the root, by relative path.
func (m *mounts) read() map[string]uint64 {
	var data []byte
	buf := make([]byte, 64<<10)
	if _, err := unix.Seek(m.fd, 0, unix.SEEK_SET); err != nil {
		return m.points
	}
	for {
		n, err := unix.Read(m.fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return m.points
		}
		if n == 0 {
			table, err := fstree.ParseMounts(data)
			if err != nil {
				return m.points
			}
			return below(table, m.root)
		}
		data = append(data, buf[:n]...)
	}
}

// below returns the mount points at or below the root, by relative path, with the
// ids of what is mounted there last.
func below(table fstree.Mounts, root string) map[string]uint64 {
	points := map[string]uint64{}
	prefix := strings.TrimSuffix(root, "/") + "/"
	for _, m := range table {
		if m.Point == root {
			points[""] = m.ID
		} else if rel, ok := strings.CutPrefix(m.Point, prefix); ok {
			points[rel] = m.ID
		}
	}
	return points
}

// followMounts reports what was mounted and unmounted since the last look,
// and has those places walked again.
func (s *session) followMounts(h fsevent.Handler) {
	m := &s.mounts
	if m.fd < 0 || !m.changed {
		return
	}
	m.changed = false
	before := m.points
	m.points = m.read()
	for rel, id := range before {
		if m.points[rel] != id {
			s.mountChanged(h, rel, false)
		}
	}
	for rel, id := range m.points {
		if before[rel] != id {
			s.mountChanged(h, rel, true)
		} else {
			// One that went and came unseen may have the id of the one before,
			// but its directory has no watch.
			s.lookAtMount(&job{purpose: checkMount}, rel)
		}
	}
	s.lookAtRoot()
}

func (s *session) mountChanged(h fsevent.Handler, rel string, appeared bool) {
	h.Mount(rel, appeared)
	s.lookAtMount(&job{purpose: walkBelow}, rel)
}

// lookAtMount queues j for a mount point below the root.
func (s *session) lookAtMount(j *job, rel string) {
	if rel == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, name := s.t.root, rel
	for dir != none {
		first, rest, more := strings.Cut(name, "/")
		if !more {
			j.key = jobKey{s.t.at(dir).wd, name}
			s.jobs.addLook(j)
			return
		}
		dir, name = s.t.childOf(dir, []byte(first)), rest
	}
}
