// Package fsevent is the seam to what watches a directory tree: what is seen
// there, who sees it, and who is told. A back end (package inotify or fanotify) implements
// Watcher and Files; everything else knows this package alone, and no number that
// a kernel has for an event or for a watch.
package fsevent

// Op is what happened to a path.
type Op uint8

// The operations. A rename inside the tree is a MovedFrom and a MovedTo.
const (
	Create     Op = iota + 1 // a name came into being
	CloseWrite               // a file that was open for writing was closed
	Modify                   // a file was written to
	Attrib                   // mode, owner, times, extended attributes or number of names changed
	Delete                   // the name is gone
	MovedFrom                // the name left this place
	MovedTo                  // the name arrived at this place
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
	// Arrived is set on MovedTo of a file that came from the name under which a
	// receiver of rsync writes it: another host has put it here.
	Arrived bool
	// From is set on MovedTo of what came from another place in the tree, as far as
	// the watcher knows: the path there. The MovedFrom of that path came before.
	From string
}
