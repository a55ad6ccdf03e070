// Package walk reads directory trees by descriptor, with several workers. It
// serves the watcher, which adds a watch to every directory before that
// directory is listed, and the catch-up scan (Changed).
//
// A child is only ever opened from its parent's descriptor, without following
// links: no rename and no symlink swapped in while the walk runs can lead it
// out of the tree, and paths longer than PATH_MAX work. Listing is
// getdents64(2) with d_type; a stat call is made only where a file system does
// not fill in d_type, or where the caller asks for one.
//
// Nothing here keeps state between calls; every goroutine that a call starts
// has ended when it returns. The package decides nothing about the entries.
package walk
