// Package transport is the seam to the remote side: what a lane has carried (Batch),
// what it is told while that goes on (Change, Progress, Copy), what became of it
// (Result, Class, PathError), and what a remote has been found to take (Capabilities).
//
// It says what is to be on the remote, and nothing of how it gets there. Package rsync
// below it makes argument vectors of batches and results of what rsync says. The
// example in the tests is another kind of remote, in one file.
package transport
