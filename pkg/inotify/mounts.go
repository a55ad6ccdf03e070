package inotify

import (
	"bytes"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mounts follows the mount points at and below the root. Owned by the reader.
type mounts struct {
	fd      int // /proc/self/mountinfo, -1 where there is none
	root    string
	points  map[string]string // mount point -> mount id, the topmost
	changed bool
}

func (m *mounts) close() {
	if m.fd >= 0 {
		unix.Close(m.fd)
		m.fd = -1
	}
}

// openMounts remembers what is mounted now. root is open as fd: its name in
// /proc is without the links that the watch path may contain.
func (s *session) openMounts(fd int) {
	m := &s.mounts
	proc := s.w.kernel.proc + "/self/"
	m.root = s.w.root
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
func (m *mounts) read() map[string]string {
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
			return parseMounts(data, m.root)
		}
		data = append(data, buf[:n]...)
	}
}

// parseMounts reads mountinfo (proc(5)): id, parent, device, root within the
// file system, mount point, ... A later line covers an earlier one.
func parseMounts(data []byte, root string) map[string]string {
	points := map[string]string{}
	prefix := strings.TrimSuffix(root, "/") + "/"
	for line := range bytes.Lines(data) {
		f := bytes.Fields(line)
		if len(f) < 5 {
			continue
		}
		point := unescape(f[4])
		if point == root {
			points[""] = string(f[0])
		} else if rel, ok := strings.CutPrefix(point, prefix); ok {
			points[rel] = string(f[0])
		}
	}
	return points
}

// unescape undoes the octal escapes of blanks and backslashes in proc files.
func unescape(b []byte) string {
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b)
	}
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+3 < len(b) && octal(b[i+1]) && octal(b[i+2]) && octal(b[i+3]) {
			out = append(out, (b[i+1]-'0')<<6|(b[i+2]-'0')<<3|(b[i+3]-'0'))
			i += 3
			continue
		}
		out = append(out, b[i])
	}
	return string(out)
}

func octal(c byte) bool { return c >= '0' && c <= '7' }

// followMounts reports what was mounted and unmounted since the last look,
// and has those places walked again.
func (s *session) followMounts(h Handler) {
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
			s.lookAtMount(&job{mount: true}, rel)
		}
	}
	s.lookAtRoot()
}

func (s *session) mountChanged(h Handler, rel string, appeared bool) {
	h.Mount(rel, appeared)
	s.lookAtMount(&job{deep: true}, rel)
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
			s.addLook(j)
			return
		}
		dir, name = s.t.childOf(dir, []byte(first)), rest
	}
}

// addLook queues a look at a mount point. Of those that only make sure there is
// one at a time for each: a file system whose server is dead holds whoever looks
// at it, and must not hold all workers.
func (s *session) addLook(j *job) {
	if j.mount {
		if _, under := s.jobs.looks[j.key]; under {
			s.jobs.looks[j.key] = true
			return
		}
		s.jobs.looks[j.key] = false
	}
	s.addJob(j)
	if s.jobs.pending[j.key] == nil {
		delete(s.jobs.looks, j.key) // a walk over everything comes in its place
	}
}

// looked ends such a look, and begins the next one if it was asked for
// meanwhile. The caller holds mu.
func (s *session) looked(key jobKey) {
	again := s.jobs.looks[key]
	delete(s.jobs.looks, key)
	if again {
		s.addLook(&job{key: key, mount: true})
	}
}
