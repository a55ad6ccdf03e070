package inotify

import "github.com/sersync/sersync/pkg/fsevent"

// batch are the events of one buffer of records, for the handler.
type batch struct {
	events []fsevent.Event

	// path is that of node, with a slash at its end, as of one version of the table:
	// events in one directory follow each other.
	path    []byte
	node    int32
	version uint64
}

// add appends an event about name in n. Events in a directory in limbo are not reported: its tree
// is reported as a whole when a place for it is found.
func (b *batch) add(t *tree, n int32, name []byte, op fsevent.Op, dir, covered bool) {
	if op == 0 {
		return
	}
	if b.node != n || b.version != t.version {
		var ok bool
		if b.path, ok = t.appendPath(b.path[:0], n); !ok {
			b.node = none
			return
		}
		if len(b.path) > 0 {
			b.path = append(b.path, '/')
		}
		b.node, b.version = n, t.version
	}
	size := len(b.path)
	b.path = append(b.path, name...)
	// Events of one file mostly follow each other directly: created and closed, closed and moved.
	e := fsevent.Event{Op: op, Dir: dir, Covered: covered}
	if k := len(b.events); k > 0 && b.events[k-1].Path == string(b.path) {
		e.Path = b.events[k-1].Path
	} else {
		e.Path = string(b.path)
	}
	b.events = append(b.events, e)
	b.path = b.path[:size]
}

// pass hands the events to the handler and returns how many there were.
func (b *batch) pass(h fsevent.Handler) int64 {
	n := len(b.events)
	for i := range b.events {
		h.Event(b.events[i])
		b.events[i].Path = ""
	}
	b.events = b.events[:0]
	return int64(n)
}
