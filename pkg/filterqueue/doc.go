// Package filterqueue decides which events make a path dirty.
//
// A Queue gets the events of one watch root from its watcher: it drops temp files and excluded
// paths, applies the <inotify> switches and marks what is left in the dirty set (package dirty) of
// every lane.
//
// Nothing here talks to rsync or to a remote, and nothing here reads the
// content of a watched file.
package filterqueue
