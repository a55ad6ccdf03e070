package inotify

import (
	"bytes"
	"strings"
)

// renames remembers the last files that left a name, until the other halves of
// their renames come. The kernel reports both halves of one rename next to each
// other; only a rename on another processor may come between. It belongs to the
// reader.
type renames struct {
	last [8]departed
	next int
}

// departed is the first half of the rename of a file.
type departed struct {
	cookie    uint32
	dir, name []byte // the name of the directory (no path), and that of the file
}

func (s *renames) left(cookie uint32, dir, name []byte) {
	d := &s.last[s.next%len(s.last)]
	s.next++
	d.cookie, d.dir, d.name = cookie, append(d.dir[:0], dir...), append(d.name[:0], name...)
}

// arrived tells whether the file that a rename has brought to a name was written
// by a receiver of rsync.
func (s *renames) arrived(cookie uint32, name []byte) bool {
	for i := range s.last {
		if d := &s.last[i]; d.cookie == cookie && cookie != 0 {
			return receives(string(d.dir), string(d.name), string(name))
		}
	}
	return false
}

// tempSuffix is how many bytes a receiver of rsync appends to a temporary name:
// a dot and six characters of mkstemp(3).
const tempSuffix = 7

// receives tells whether a receiver of rsync writes the file called name first
// at from, a name in the directory called dir. That is ".NAME.XXXXXX" beside it,
// where a NAME with a dot before it gets no second one and a very long one is cut
// short; or NAME in a directory of partly arrived files.
func receives(dir, from, name string) bool {
	switch dir {
	case ".sersync-partial", ".rsync-partial", ".~tmp~":
		return from == name
	}
	i := len(from) - tempSuffix
	if i < 2 || from[0] != '.' || from[i] != '.' || strings.IndexFunc(from[i+1:], notOfTemp) >= 0 {
		return false
	}
	kept, whole := from[1:i], strings.TrimPrefix(name, ".")
	return kept == whole || len(name)+tempSuffix >= nameMax && len(kept) > nameMax/2 && strings.HasPrefix(whole, kept)
}

// nameMax is the length of the longest name (NAME_MAX).
const nameMax = 255

// notOfTemp tells which characters mkstemp(3) does not use.
func notOfTemp(r rune) bool {
	return !bytes.ContainsRune([]byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"), r)
}
