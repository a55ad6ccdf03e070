// Package position keeps on an edge's own disk how far each tree has been followed: the last
// message that was taken, what has not been applied yet, and the identity of the directory.
//
// A position may be older than what the directory holds, for instance after a crash:
// the messages since then are then applied again, which does no harm.
package position
