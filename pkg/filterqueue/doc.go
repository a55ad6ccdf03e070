// Package filterqueue decides which events matter and remembers what they
// made dirty.
//
// A Queue stands behind the watcher of one watch root: it drops temp files and
// excluded paths, applies the <inotify> switches and marks what is left in the
// dirty set of every lane. A lane takes its work from its Dirty. Events are
// turned into state at once: a path is dirty until a run that started later
// has succeeded for it, so order and number of events do not matter.
//
// Nothing here talks to rsync or to a remote, and nothing here reads the
// content of a watched file.
package filterqueue
