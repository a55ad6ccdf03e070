// Package change is what travels through a stream from a source to its edges: messages
// that say what paths of a tree are, in a binary form of their own. It does no I/O.
//
// An entry is a path and its state, never an operation. So a message may be applied twice, and
// after it the path is what the entry says, whatever was there before.
//
// # Form
//
// All numbers are varints as package encoding/binary writes them, unsigned where
// nothing else is said; all byte strings have their length before them.
//
//	"ssc", version (one byte), flags (one byte), length of the body, body, CRC-32C
//
// The checksum (four bytes, little endian) is that of all before it. Flag 1 says that
// the body is one S2 block; the length is that of the body before its compression.
//
//	body  = epoch (16 bytes), generation, time (signed, ns since 1970), number of entries, entries
//	entry = state (one byte), flags (one byte), path, what the state asks for
//
//	file    mode, uid, gid, time (signed, ns), size, and the content unless flag 1 is set (fetch)
//	dir     mode, uid, gid, time
//	link    uid, gid, time, target
//	special mode, uid, gid, time, rdev
//	gone    nothing
//	tree    nothing; flag 2 (exact)
//
// A reader refuses what it does not know: another version, a flag, a state. Whoever adds to the
// form has to give it a new version.
package change
