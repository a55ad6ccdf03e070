// Package transport is the seam to the remote side: what a lane wants carried (Batch), what is
// reported meanwhile (Change, Progress, Copy), the result (Result, Class, PathError), and what a
// remote is known to understand (Capabilities).
//
// It describes what is to be on the remote, and not how it gets there. Package rsync below it makes
// argument vectors of batches, and results of what rsync says. The example in the tests is another
// kind of remote, in one file.
package transport
