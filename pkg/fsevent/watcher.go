package fsevent

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/nameset"
)

// Watcher watches one directory tree.
type Watcher interface {
	// Run watches until ctx ends, which is no error. It returns an error if the root cannot be
	// watched at the start, or if watching cannot go on. If the root disappears later it waits for
	// its return. It is called once; all calls of h come from the calling goroutine, and all
	// goroutines have ended when it returns.
	Run(ctx context.Context, h Handler) error
	// Stats may be called at any time, from any goroutine.
	Stats() Stats
}

// Handler receives what a Watcher sees. Its methods are called one at a time and must not block:
// they only pass on what they are told.
//
// Events may be duplicated, and may name a path that is no longer there. What counts is that every
// change has an event, or is covered by a call of Overflow, Mount or Uncovered, which says where to
// look.
type Handler interface {
	// Event is called for every event. Events of one directory come in order.
	Event(Event)
	// Overflow says that events were lost; the watcher has repaired its watches
	// when Repaired is called.
	Overflow()
	// Vanished is called before Repaired for each directory of which entries have disappeared
	// without an event: the watcher knows that they were there, and a listing after the overflow
	// did not have them. A watcher that keeps no inventory never calls it.
	Vanished(dir string, entries *nameset.Set)
	// Repaired is called after an overflow once every directory is watched again; a scan must find
	// what has changed since events were last complete.
	Repaired()
	// Root reports a change of the watch root.
	Root(RootState)
	// Mount says that a file system appeared or disappeared at or below path.
	Mount(path string, appeared bool)
	// Uncovered reports a directory that cannot be watched, with the reason, and
	// with nil once it is watched after all.
	Uncovered(path string, err error)
}

// RootState is what became of the watch root.
type RootState uint8

// The states of a watch root.
const (
	RootWatched RootState = iota + 1 // the watches are set
	RootGone                         // deleted, moved away or unmounted
	RootBack                         // there is a directory at the path again, and it is watched
)

// Stats is a snapshot of a Watcher's counters.
type Stats struct {
	Watches   int64 // directories watched now, or file systems
	Uncovered int64 // directories that could not be watched
	Overflows int64 // how often events were lost since the start
	Records   int64 // records read from the kernel since the start
	Events    int64 // events handed to the Handler since the start
	Repairs   int64 // complete walks after an overflow since the start
	Entries   int64 // names that walks have listed since the last complete one began
}

// OpenRemedy is what to do when a watch root cannot be opened, after a colon and a
// blank; empty when nobody knows.
func OpenRemedy(err error) string {
	switch {
	case errors.Is(err, unix.ENOENT):
		return ": create the directory or correct the watch path"
	case errors.Is(err, unix.ENOTDIR):
		return ": the watch path must be a directory"
	case errors.Is(err, unix.EACCES):
		return ": this user may not read it"
	}
	return ""
}
