// Package backlog keeps what an edge knows from messages and has not applied yet: for each path the
// latest state that a message has named.
//
// A later entry takes the place of an earlier one for the same path, so that order and number of
// messages do no harm and memory is bounded by paths. While a run fetches a path that path is in
// flight: an entry for the same path, or for one above or below it, waits until the run has ended,
// because an older file that arrives late must not replace a newer one. When there are more paths
// than the limits allow, one comparison of the whole tree takes their place.
//
// The package does no I/O, starts no goroutine and reads no clock.
package backlog
