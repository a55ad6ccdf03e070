// Package stream is the transport whose remote is a stream: a batch becomes change
// messages, and is done when JetStream has acknowledged all of them. Edges follow the
// stream; package pkg/stream says how.
//
// What is read comes from beneath the watch root without a link being followed. A file
// that changed while it was read is read again, and left to the next batch when it
// does not come to rest.
//
// A stream cannot be asked what its edges have. So comparisons and questions are
// refused, or become entries with which each edge compares its own copy (change.Tree).
package stream
