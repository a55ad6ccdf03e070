package fsevent

import "context"

// FileID identifies one file, whatever its names are.
type FileID struct{ Dev, Ino uint64 }

// FileEvent is what happened to a watched file.
type FileEvent struct {
	ID FileID
	// Op is CloseWrite, Modify, Attrib (a name that is made or removed counts as Attrib), or
	// Delete: the watch has ended, because the file is gone or was forgotten. The zero value says
	// that events were lost: anything may have happened to any watched file.
	Op Op
}

// Files watches single files by inode. A watch on a directory reports a write
// under the name by which the file was opened, and nothing once that name is
// gone from the directory; a watch on the file itself reports the write in any
// case. Its methods are safe for concurrent use, but for Close.
type Files interface {
	// Watch watches the file id, of which fd is a descriptor (O_PATH will do); fresh says that it
	// was not watched before.
	Watch(fd int, id FileID) (fresh bool, err error)
	// Forget ends the watch of a file. Earlier events are still passed on, and after them Delete.
	Forget(id FileID)
	// Run passes events on until ctx ends, which is no error.
	Run(ctx context.Context, pass func(FileEvent)) error
	// Close ends all watches. Run must have returned.
	Close() error
}
