// Package records writes down what the lanes remember, without delaying them: their states, which
// versions they have sent, what they have deleted, and which paths fail. A file system can be full,
// read-only, or not answer at all: an fsync that hangs cannot be interrupted. So no lane waits for
// a file system. What is to be written is handed to a Writer, which has a goroutine of its own.
package records
