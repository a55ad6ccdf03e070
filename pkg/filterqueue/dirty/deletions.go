package dirty

import (
	"maps"
	"slices"
	"time"

	"github.com/sersync/sersync/pkg/nameset"
)

// deletions are the deletions seen inside of dirty trees. A tree absorbs what is pending below it,
// but the deletion of one entry does not allow to delete whatever else the remote has in the tree
// and this host has not: another source may have put that there. So the names of deleted entries
// are kept until the tree has arrived.
//
// Of a tree that is compared with the remote, and beyond maxNames names, only hashes are kept: of
// the entries that only the remote has, the comparison deletes those whose hashes are known. Beyond
// maxHashes nothing more is kept, and such entries are only counted. Guarded by Set.mu.
type deletions struct {
	maxNames, maxHashes int

	names  map[*mark]map[string]Flags // by the tree that they wait for
	named  int                        // how many names there are in all
	hashes map[*mark]*nameset.Set     // more of them, by the same tree
	hashed int                        // how many hashes there are in all
}

func newDeletions(maxNames, maxHashes int) deletions {
	return deletions{
		maxNames: maxNames, maxHashes: maxHashes,
		names: map[*mark]map[string]Flags{}, hashes: map[*mark]*nameset.Set{},
	}
}

// takeOver returns the flags that a tree takes over from a mark below it, and keeps the name if
// that is a deletion.
func (d *deletions) takeOver(tree *mark, path string, f Flags) Flags {
	rest := f &^ (Tree | wasClean | seenAbsent)
	if f&Gone == 0 || tree.flags&Gone != 0 {
		return rest
	}
	rest &^= Gone
	names := d.names[tree]
	_, known := names[path]
	if !known && d.named >= d.maxNames {
		d.hash(tree, func(s *nameset.Set) { add(s, path, f) })
		return rest | Extras
	}
	if names == nil {
		names = map[string]Flags{}
		d.names[tree] = names
	}
	if !known {
		d.named++
	}
	names[path] |= f & (Tree | Gone)
	return rest
}

// add takes a deletion into a set of hashes.
func add(s *nameset.Set, path string, f Flags) {
	if key := nameset.KeyOf(path); f&Tree != 0 {
		s.AddTree(key)
	} else {
		s.Add(key)
	}
}

// compare replaces the names that wait for a tree by hashes when the tree is about to be compared.
// If they were marked again after the comparison, and there were enough of them to make the
// directory collapse, it would collapse again, and so on for ever.
func (d *deletions) compare(m *mark) {
	if m.flags&(Extras|Gone) != Extras || d.hashed+2*len(d.names[m]) > d.maxHashes {
		return
	}
	names := d.takeNames(m)
	if len(names) == 0 {
		return
	}
	d.hash(m, func(s *nameset.Set) {
		for path, f := range names {
			add(s, path, f)
		}
	})
}

// hash changes the hashes that wait for m, while there is room for more.
func (d *deletions) hash(m *mark, add func(*nameset.Set)) {
	if d.hashed >= d.maxHashes {
		return
	}
	set := d.hashes[m]
	if set == nil {
		set = &nameset.Set{}
		d.hashes[m] = set
	}
	before := set.Len()
	add(set)
	d.hashed += set.Len() - before
}

// bequeath hands the deletions that wait for one mark to another one.
func (d *deletions) bequeath(from, to *mark) {
	for path, f := range d.takeNames(from) {
		to.flags |= d.takeOver(to, path, f)
	}
	if set := d.takeHashes(from); set != nil && to.flags&Gone == 0 {
		to.flags |= Extras
		d.hash(to, func(s *nameset.Set) { s.Join(set) })
	}
}

// takeNames returns the names that wait for m, and keeps them no longer.
func (d *deletions) takeNames(m *mark) map[string]Flags {
	names := d.names[m]
	delete(d.names, m)
	d.named -= len(names)
	return names
}

// takeHashes returns the hashes that wait for m, and keeps them no longer.
func (d *deletions) takeHashes(m *mark) *nameset.Set {
	set := d.hashes[m]
	delete(d.hashes, m)
	d.hashed -= set.Len()
	return set
}

// MarkDeleted makes a directory dirty because entries of it are known to have been here and to be
// gone, although no event has said so. The directory is compared with the remote, and an entry that
// only the remote has is deleted if it is in entries. The set keeps nothing of entries.
func (d *Set) MarkDeleted(dir string, f Flags, entries *nameset.Set, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.markLocked(dir, f|Extras, d.stampLocked(now))
	if m.flags&Gone != 0 {
		return // everything that only the remote has there is deleted anyway
	}
	d.gone.hash(m, func(s *nameset.Set) { s.Join(entries) })
}

// Deleted returns the entries of a path in flight that are known to have been deleted here, beside
// those that are pending by their names; nil when there are none. It may be read until the path is
// given back.
func (d *Set) Deleted(path string) *nameset.Set {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.root.find(path); n != nil && n.fly != nil {
		return d.gone.hashes[n.fly]
	}
	return nil
}

// Awaits tells whether a path is pending by itself or in a tree, so that the run in flight does not
// decide what becomes of it.
func (d *Set) Awaits(path string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.root
	for end := 0; n != nil; {
		if n.pend.absorbs() {
			return true
		}
		if end == len(path) {
			return n.pend != nil
		}
		start := end
		if start > 0 {
			start++
		}
		end = componentEnd(path, start)
		n = n.child(path[start:end])
	}
	return false
}

// remarkLocked marks the names that have waited for m, with its age, unless it
// was deleted itself meanwhile.
func (d *Set) remarkLocked(m *mark) {
	names := d.gone.takeNames(m)
	d.gone.takeHashes(m)
	if m.flags&Gone != 0 {
		return
	}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		d.markLocked(path, names[path], d.last).inheritAge(m)
	}
}

// TakeFrom moves all dirty paths of another set, which is no longer used, into this one, except
// those in flight there. age says since when an item counts as dirty here.
func (d *Set) TakeFrom(other *Set, now time.Time, age func(Item) time.Time) {
	other.RetryNow()
	for {
		items := other.Take(now, scanLimit)
		if len(items) == 0 {
			return
		}
		for _, it := range items {
			if set := other.Deleted(it.Path); set.Len() > 0 {
				d.MarkDeleted(it.Path, it.Flags, set, age(it))
			} else {
				d.Mark(it.Path, it.Flags, age(it))
			}
			other.Done(it)
		}
	}
}
