// Package stream is the transport whose remote is a stream: a batch becomes change
// messages, and is done when JetStream has acknowledged all of them. Edges follow the
// stream; package pkg/stream says how.
//
// Files are read beneath the watch root, and no link is followed. A file that changed while it was
// read is read again; if it keeps changing it is left to the next batch.
//
// A stream cannot be asked what its edges have. So comparisons and questions are
// refused, or become entries with which each edge compares its own copy (change.Tree).
package stream
