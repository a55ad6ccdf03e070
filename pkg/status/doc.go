// Package status is the data model of "what is in sync, what lags, why, since
// when": plain snapshots that the status page, the metrics, the JSON interface
// and the terminal table are made from, and the small recorders with which a
// lane keeps its recent past.
//
// Nothing here starts a goroutine or a timer. Recording costs a mutex and a few
// additions; everything that is computed (percentiles, series) is computed when
// a snapshot is taken, so it costs nothing while nobody looks.
//
// Names are raw bytes in Go strings. Two renderings exist: JSON, which is exact
// (see Snapshot.MarshalJSON), and Printable, which is safe on a terminal.
//
// Reasons and remedies never contain path names or secrets, because they are shown to readers who
// may not see names; the literal text of rsync belongs into Detail.
package status
