// Package executor decides what rsync runs: it takes dirty paths, looks at the
// disk, and turns what it finds into as few runs as possible.
//
// A Lane is one localpath on its way to one remote. Its Run loop is the single
// owner of all lane state; runs are goroutines of their own which report back
// over a channel, so that nothing here is decided in two places. Three rules
// hold everywhere:
//
//   - A path stays dirty until a run that started after it was marked has
//     succeeded for it.
//   - What is on the disk when a batch starts decides what is done, never the
//     kind of the event.
//   - A path is deleted on the target only after our own lookup answered
//     ENOENT twice, and only where the brake holds nothing.
package executor
