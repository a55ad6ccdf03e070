package inotify

import "github.com/sersync/sersync/pkg/fsevent"

// renames remembers the files that have left a name last, until the second halves of their renames
// come. The kernel reports both halves of one rename next to each other; only a rename on another
// processor may come between. It belongs to the reader.
type renames struct {
	last [8]departed
	next int
}

// departed is the first half of the rename of a file.
type departed struct {
	cookie    uint32
	path      string // empty: its directory has no known place
	dir, name []byte // the name of the directory (no path), and that of the file
}

func (s *renames) left(cookie uint32, path string, dir, name []byte) {
	d := &s.last[s.next%len(s.last)]
	s.next++
	d.cookie, d.path, d.dir, d.name = cookie, path, append(d.dir[:0], dir...), append(d.name[:0], name...)
}

// arrived tells where a file that was renamed to a name comes from, and whether a receiver of rsync
// has written it.
func (s *renames) arrived(cookie uint32, name []byte) (from string, received bool) {
	for i := range s.last {
		if d := &s.last[i]; d.cookie == cookie && cookie != 0 {
			return d.path, fsevent.Received(string(d.dir), string(d.name), string(name))
		}
	}
	return "", false
}
