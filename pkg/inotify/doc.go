// Package inotify watches directory trees without holes: every directory that exists has a watch,
// under its right path, once changes stop. It reports events to a fsevent.Handler, whose calls all
// come from the goroutine in Watcher.Run, and repairs its watches after an overflow, a lost root, a
// mount, or a watch that could not be added.
//
// The watch table knows a directory by its watch descriptor, that is, by its inode; its path is
// derived from the events so far. A rename moves one node of the table, and everything below keeps
// its watches. Wherever events leave a doubt, a job looks at the disk: it opens the directory by
// descriptors from the root down, without following links, adds its watch (the kernel answers with
// the descriptor that the inode already has) and corrects the table.
//
// Events may be duplicated and reported under a path that no longer exists; what counts is that for
// a directory whose coverage was ever in doubt there is in the end an event with Covered set, after
// its watches are set. The package filters nothing beyond Options.Skip and does not know what its
// events are used for.
package inotify
