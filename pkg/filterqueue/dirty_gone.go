package filterqueue

import (
	"maps"
	"slices"
)

// A tree absorbs what is pending below it, but a deletion there is none of the
// tree itself: what else the target has in it was put there by somebody else and
// is not to go with it. The names of such deletions wait for the tree to have
// arrived. Of more of them than Spare the tree takes the flag instead: it is
// compared with the target then, as if it had been deleted itself.

// takeOverLocked returns what a tree takes over of the flags of a mark below it.
func (d *Dirty) takeOverLocked(tree *mark, path string, f Flags) Flags {
	rest := f &^ (Tree | seenAbsent)
	if f&Gone == 0 || tree.flags&Gone != 0 || d.named >= d.opt.Spare {
		return rest
	}
	names := d.gone[tree]
	if names == nil {
		names = map[string]Flags{}
		d.gone[tree] = names
	}
	if _, known := names[path]; !known {
		d.named++
	}
	names[path] |= f & (Tree | Gone)
	return rest &^ Gone
}

// bequeathLocked hands the names that wait for one mark to another one.
func (d *Dirty) bequeathLocked(from, to *mark) {
	names := d.namesLocked(from)
	for path, f := range names {
		to.flags |= d.takeOverLocked(to, path, f)
	}
}

// remarkLocked marks the names that have waited for m, with its age, unless it
// was deleted itself meanwhile.
func (d *Dirty) remarkLocked(m *mark) {
	names := d.namesLocked(m)
	if m.flags&Gone != 0 {
		return
	}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		d.markLocked(path, names[path], d.last).inheritAge(m)
	}
}

func (d *Dirty) namesLocked(m *mark) map[string]Flags {
	names := d.gone[m]
	delete(d.gone, m)
	d.named -= len(names)
	return names
}
