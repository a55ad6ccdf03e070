package inotify

import (
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/nameset"
	"github.com/sersync/sersync/pkg/probing"
)

// inventory knows which entries every watched directory has, by the hashes of their names. When
// events were lost, an entry that it knows and that the next listing does not show was here and is
// gone. It is guarded by session.mu. A nil inventory knows nothing and records nothing.
type inventory struct {
	dirs map[int32]*names64 // by watch descriptor, which a rename does not change
	// now is the value of the lowest bit of names that were seen since the last overflow; names
	// with the other value have not been listed again yet.
	now nameset.Name
	// behind says that not everything has been listed again since an overflow.
	behind bool
	// deleted are entries whose deletion was seen during a walk that may have listed them before.
	deleted map[entry]struct{}
}

// entry is a name in a watched directory.
type entry struct {
	wd   int32
	name nameset.Name
}

// maxDeleted bounds inventory.deleted. With more of them a listing proves nothing: its entries stay
// unknown, so that nothing is deleted because of them.
const maxDeleted = 1 << 20

// unseen is the bit that inventory.now uses: no Name has it.
const unseen = nameset.Name(1)

func newInventory() *inventory {
	return &inventory{dirs: map[int32]*names64{}, deleted: map[entry]struct{}{}}
}

// event follows an event about a name in a directory. walking says that a walk is
// under way.
func (v *inventory) event(wd int32, name []byte, op fsevent.Op, walking bool) {
	if v == nil {
		return
	}
	n := nameset.NameOf(name)
	switch op {
	case fsevent.Create, fsevent.MovedTo:
		delete(v.deleted, entry{wd, n})
		v.add(wd, n)
	case fsevent.Delete, fsevent.MovedFrom:
		if d := v.dirs[wd]; d != nil {
			d.remove(n)
		}
		if walking && len(v.deleted) < maxDeleted {
			v.deleted[entry{wd, n}] = struct{}{}
		}
	case fsevent.CloseWrite, fsevent.Modify, fsevent.Attrib:
		// The name stays.
	}
}

func (v *inventory) add(wd int32, n nameset.Name) {
	d := v.dirs[wd]
	if d == nil {
		d = &names64{}
		v.dirs[wd] = d
	}
	d.set(n, v.now)
}

// listed takes in a part of a directory's listing.
func (v *inventory) listed(wd int32, batch []fstree.Entry) {
	if v == nil || len(v.deleted) >= maxDeleted {
		return
	}
	for i := range batch {
		n := nameset.NameOf(batch[i].Name)
		if _, gone := v.deleted[entry{wd, n}]; !gone {
			v.add(wd, n)
		}
	}
}

// forget drops a directory that is no longer watched.
func (v *inventory) forget(wd int32) {
	if v != nil {
		delete(v.dirs, wd)
	}
}

// calm says that no walk is under way.
func (v *inventory) calm() {
	if v != nil && len(v.deleted) > 0 {
		v.deleted = map[entry]struct{}{}
	}
}

// overflow says that events were lost: everything has to be seen again.
func (v *inventory) overflow() {
	switch {
	case v == nil:
	case !v.behind:
		v.now, v.behind = v.now^unseen, true
	default:
		for _, d := range v.dirs {
			d.mark(v.now ^ unseen)
		}
	}
}

// lost ends what overflow began: it removes the names that were not seen again, and returns them by
// directory.
func (v *inventory) lost() map[int32][]nameset.Name {
	if v == nil || !v.behind {
		return nil
	}
	v.behind = false
	lost := map[int32][]nameset.Name{}
	for wd, d := range v.dirs {
		if names := d.marked(v.now ^ unseen); len(names) > 0 {
			lost[wd] = names
			for _, n := range names {
				d.remove(n)
			}
		}
	}
	return lost
}

// names64 is a set of names, and one bit for each. The zero value is empty.
type names64 struct{ table probing.Table[nameset.Name] }

// hashOf is the hash by which the table finds a name, whatever its bit.
func hashOf(n nameset.Name) uint64 { return uint64(n >> 1) }

// same returns a function that recognises a name whatever its bit.
func same(n nameset.Name) func(nameset.Name) bool {
	return func(other nameset.Name) bool { return other&^unseen == n }
}

func (s *names64) set(n, bit nameset.Name) { s.table.Put(hashOf(n), n|bit, same(n), hashOf) }

func (s *names64) remove(n nameset.Name) { s.table.Remove(hashOf(n), same(n), hashOf) }

// mark gives all names the bit.
func (s *names64) mark(bit nameset.Name) {
	slots := s.table.Slots()
	for i, n := range slots {
		if n != 0 {
			slots[i] = n&^unseen | bit
		}
	}
}

// marked are the names that have the bit.
func (s *names64) marked(bit nameset.Name) (names []nameset.Name) {
	for _, n := range s.table.Slots() {
		if n != 0 && n&unseen == bit {
			names = append(names, n&^unseen)
		}
	}
	return names
}

// vanished are the names that a directory has lost without an event.
type vanished struct {
	dir     string
	entries *nameset.Set
}

// vanished are the names that directories have lost, by the paths of the directories.
// Those without a place are left out.
func (t *tree) vanished(lost map[int32][]nameset.Name) (out []vanished) {
	for wd, names := range lost {
		n := t.lookup(wd)
		if n == none {
			continue
		}
		path, placed := t.appendPath(nil, n)
		if !placed {
			continue
		}
		v := vanished{dir: string(path), entries: &nameset.Set{}}
		dir := nameset.KeyOf(v.dir)
		for _, name := range names {
			v.entries.Add(dir.Child(name))
		}
		out = append(out, v)
	}
	return out
}

// inventoryLocked passes a record on to the inventory.
func (s *session) inventoryLocked(r *record) {
	const entries = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO
	if s.inventory != nil && r.mask&entries != 0 && len(r.name) > 0 {
		s.inventory.event(r.wd, r.name, opOf(r.mask), s.repair.underWay() || !s.jobs.idle())
	}
}

// keepInventory drops the inventory when nobody needs it any more.
func (s *session) keepInventory() {
	if s.inventory == nil {
		return
	}
	needed := s.w.opt.Inventory()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !needed {
		s.inventory = nil
	}
}
