// Package backlog is what an edge knows and has not carried out yet: for each path the
// latest state that the stream has said.
//
// A later entry takes the place of an earlier one for the same path, so that order and
// number of messages do no harm and memory is bounded by paths. What an edge fetches is
// in flight meanwhile: an entry for the same path, or for one above or below it, waits
// until that has ended, because an older file that arrives late must not replace a newer
// one. What is more than the limits becomes one comparison of the whole tree.
//
// The package does no I/O, starts no goroutine and reads no clock.
package backlog
