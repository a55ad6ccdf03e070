package inotify

// Op is what happened to a path.
type Op uint8

// The operations, one per kernel event kind that this program asks for
// (inotify(7)). A rename inside the tree is a MovedFrom and a MovedTo.
const (
	Create     Op = iota + 1 // IN_CREATE: a name came into being
	CloseWrite               // IN_CLOSE_WRITE
	Modify                   // IN_MODIFY
	Attrib                   // IN_ATTRIB
	Delete                   // IN_DELETE
	MovedFrom                // IN_MOVED_FROM: the name left this place
	MovedTo                  // IN_MOVED_TO: the name arrived at this place
)

// Event names one path that changed. Paths are bytes, relative to the watch
// root, without leading or trailing slash; "" is the watch root itself.
type Event struct {
	Path string
	Op   Op
	Dir  bool
	// Covered is set on Create and MovedTo of a directory once every
	// directory below it is watched and listed: whatever changes there from
	// now on is an event of its own, so a sync that starts after this event
	// misses nothing.
	Covered bool
}

// RootState is what became of the watch root.
type RootState uint8

// The states of a watch root.
const (
	RootWatched RootState = iota + 1 // watches stand
	RootGone                         // deleted, moved away or unmounted
	RootBack                         // a directory stands at the path again, freshly watched
)

// Handler receives what a Watcher sees. Its methods are called one at a time
// and must not block: they hand over and return.
type Handler interface {
	// Event is called for every event, in the kernel's order per directory.
	Event(Event)
	// Overflow says that events were lost (IN_Q_OVERFLOW); the watcher has
	// repaired its watches when Repaired is called.
	Overflow()
	// Repaired is called after an overflow once every directory is watched
	// again; what changed since the last good moment must be found by a scan.
	Repaired()
	// Root reports a change of the watch root.
	Root(RootState)
	// Mount says that a file system appeared or disappeared at or below path.
	Mount(path string, appeared bool)
	// Uncovered reports directories which have no watch (ENOSPC, EACCES);
	// covered again is reported with err == nil.
	Uncovered(path string, err error)
}
