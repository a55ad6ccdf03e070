// Package records writes down what the lanes remember, beside them: their states,
// which versions they have sent, what they have deleted, and which paths fail. A
// file system can be full, read-only, or not answer at all: an fsync that hangs
// cannot be interrupted. So nothing that syncs waits for one. What is to be written
// is handed to a Writer, which writes on a goroutine of its own.
package records
