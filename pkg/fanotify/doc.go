// Package fanotify watches directory trees with one mark for each file system instead of one watch
// for each directory. It reports events to a fsevent.Handler, whose calls all come from the
// goroutine in Watcher.Run.
//
// The kernel reports everything that happens on the file system, with a handle of the directory and
// the name in it. Events outside of the root are dropped; that a directory lies outside is
// remembered until a rename may have brought it in. A handle is resolved when its event is read, to
// where the directory is by then. So paths are current; and for a directory that is gone there is
// an event of its own, in a directory above, that names it. Nothing is remembered about directories
// inside, so that memory does not grow with the tree, and no descriptor stays open that would keep
// a file system from being unmounted.
//
// Because a mark needs no walk, every directory is covered from its first moment. When events were
// lost, the mark is still set: the scan that fsevent.Handler.Repaired asks for finds what they
// would have reported. No inventory is kept.
package fanotify
