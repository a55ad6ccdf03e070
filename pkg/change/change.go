package change

import "time"

// The limits of a message. Both ends check them: Encode refuses to write, and Decode to read, a
// message beyond them.
const (
	// MaxContent is the size in bytes up to which the content of a file travels in its
	// entry.
	MaxContent = 64 << 10
	// MaxBody is the size in bytes of a message's body before its compression. A whole
	// message stays below the megabyte that NATS takes by default.
	MaxBody = 512 << 10
	// MaxPath is the length in bytes of a path, and of what a link points to: PATH_MAX
	// of Linux without its NUL, which is also the most that rsync can carry.
	MaxPath = 4095
	// MaxName is the length in bytes of one component of a path (NAME_MAX).
	MaxName = 255
)

// Message is what one message of the stream says.
type Message struct {
	// Epoch names one life of the stream. When the epoch changes, sequences and generations begin
	// anew, and what an edge knows of the earlier ones no longer counts.
	Epoch Epoch
	// Generation grows with each message of an epoch and is never given twice. A
	// message whose generation is not beyond that of the one before it is a repetition.
	Generation uint64
	// Time is when the source began the batch that the message is of. It is read from the source's
	// clock, and must not be compared with that of another host.
	Time time.Time
	// Entries are applied in their order: a path may be named twice.
	Entries []Entry
}

// Epoch is a random number that names one life of a stream.
type Epoch [16]byte

// State is what a path is at the source.
type State uint8

// The states. Their numbers are part of the form.
const (
	// File is a regular file. Every name of a file that has several is an entry.
	File State = iota + 1
	// Dir is the directory itself, without what is in it.
	Dir
	// Link is a symbolic link.
	Link
	// Special is a device, a fifo or a socket.
	Special
	// Gone says that nothing of that name is at the source, and nothing below it. The
	// source has looked it up.
	Gone
	// Tree asks the edge to compare the directory and everything below it with the
	// source.
	Tree
)

// String is the word of the state.
func (s State) String() string {
	if s < File || s > Tree {
		return "unknown"
	}
	return [...]string{"file", "dir", "link", "special", "gone", "tree"}[s-1]
}

// Entry is one path and its state. Fields that a state has no use for are zero.
type Entry struct {
	// Path is relative to the watch root, in raw bytes: no component is empty, "." or
	// "..", and none holds a NUL. The root itself is "", as a Dir or a Tree.
	Path  string
	State State

	Mode     uint32 // st_mode: type and permissions. File, Dir, Special
	UID, GID uint32
	ModTime  int64  // ns since 1970. File, Dir, Link, Special
	Size     int64  // bytes. File
	Rdev     uint64 // st_rdev. Special
	Target   string // what the link points to, in raw bytes. Link

	// Content is the whole content of a file, of Size bytes. It is nil where Fetch is
	// set. After Decode it is a part of one buffer that all entries share.
	Content []byte
	// Fetch says that the content of a file does not travel in the message: the edge
	// fetches the file from the source or from a mirror.
	Fetch bool
	// Exact, of a Tree, allows the edge to remove what only it has below the directory,
	// if its own configuration allows it, too. Without it the comparison removes nothing.
	Exact bool
}
