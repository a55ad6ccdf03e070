// Package fsevent is the seam to what watches a directory tree: events, watchers, and the handlers
// that get the events. A back end (package inotify or fanotify) implements Watcher and Files; all
// other packages know this package only, and neither a mask nor a watch descriptor of the kernel.
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
	// Covered is set on Create and MovedTo of a directory once every directory below it is watched
	// and listed: every change there from now on has an event of its own, so a sync that starts
	// after this event misses nothing.
	Covered bool
	// Arrived is set on MovedTo of a file that came from the name under which a
	// receiver of rsync writes it: another host has put it here.
	Arrived bool
	// From is set on MovedTo when the watcher knows that the entry came from another place in the
	// tree: it is the path there. The MovedFrom of that path came before.
	From string
}
