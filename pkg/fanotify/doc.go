// Package fanotify watches directory trees with one mark for each file system in the
// place of a watch for each directory. It reports events to a fsevent.Handler, whose
// calls all come from the goroutine in Watcher.Run.
//
// The kernel tells of all that happens on the file system: the directory, as a handle,
// and the name in it. What lies outside of the root is dropped; that a directory lies
// outside is remembered until a rename may have brought it in. A handle is resolved when
// its event is read, to where the directory is by then: the paths are current, and a
// directory that is gone has a deletion of its own, in a directory above, that names it.
// Nothing is remembered about directories inside, so that memory does not grow with the
// tree, and no descriptor stays open that would keep a file system from being unmounted.
//
// Because a mark needs no walk, every directory is covered from its first moment. When
// events were lost the mark still stands: what they would have told is found by the
// scan that fsevent.Handler.Repaired asks for, and no inventory is kept.
package fanotify
