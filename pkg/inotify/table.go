package inotify

import (
	"hash/maphash"

	"github.com/sersync/sersync/pkg/probing"
)

// none is the node number that stands for no node.
const none = int32(-1)

// nodeChunk is the allocation unit of the node store.
const nodeChunk = 4096

// Flags of a node.
const (
	flagUsed = 1 << iota
	// flagDoomed: the watch is to be removed, after the children have lost their places; if a walk
	// finds the directory again, everything in it must be walked again.
	flagDoomed
)

// node is one watched directory, 32 bytes without its name.
type node struct {
	wd                int32
	parent            int32 // none: the root, or detached (in limbo)
	child, next, prev int32 // first child; siblings
	name              uint32
	nameLen           uint8
	flags             uint8
	seen              uint16 // number of the repair in which it was last listed
	epoch             uint32 // when a walk last placed it, see session.epoch
}

// table is the watch table: a tree of directories with their watch
// descriptors. It is not safe for concurrent use.
//
// A node is identified by its wd, which belongs to an inode: names are looked
// up, wds are certain. (The kernel hands out wds in a cycle over all positive
// int32, so that a wd is not used again while anybody remembers it.)
type table struct {
	chunks [][]node
	free   int32 // head of the list of unused nodes, linked by next
	size   int   // nodes ever taken from the chunks
	live   int
	names  names
	byWd   probing.Table[slot]
	byName probing.Table[slot]
	seed   maphash.Seed
	root   int32
	// version changes whenever a node that has a place loses it: cached paths
	// are valid for one version.
	version uint64
}

func newTable() *table { return &table{free: none, root: none, seed: maphash.MakeSeed()} }

// slot is a node among those that byWd and byName find: its number plus one. Their
// hashes come from the node when they are needed, so that an entry takes four bytes.
type slot int32

func (e slot) node() int32 { return int32(e) - 1 }

// wdOf and nameHashOf are the hashes of a node by which the two tables find it.
func (t *table) wdOf(e slot) uint64 { return hashWd(t.at(e.node()).wd) }

func (t *table) nameHashOf(e slot) uint64 {
	return t.hashName(t.at(e.node()).parent, t.nameOf(e.node()))
}

func (e slot) is(other slot) bool { return e == other }

func (t *table) at(n int32) *node { return &t.chunks[n/nodeChunk][n%nodeChunk] }

func hashWd(wd int32) uint64 { return uint64(uint32(wd)) * 0x9e3779b97f4a7c15 >> 16 }

// hashName is seeded, because names are chosen by strangers, who must not be able to make them
// collide.
func (t *table) hashName(parent int32, name []byte) uint64 {
	return maphash.Bytes(t.seed, name) ^ uint64(uint32(parent))*0x9e3779b97f4a7c15>>7
}

func (t *table) nameOf(n int32) []byte {
	e := t.at(n)
	return t.names.get(e.name, e.nameLen)
}

// lookup returns the node of a wd.
func (t *table) lookup(wd int32) int32 {
	return t.byWd.Get(hashWd(wd), func(e slot) bool { return t.at(e.node()).wd == wd }).node()
}

// childOf returns the node at name in parent.
func (t *table) childOf(parent int32, name []byte) int32 {
	return t.byName.Get(t.hashName(parent, name), func(e slot) bool {
		return t.at(e.node()).parent == parent && string(t.nameOf(e.node())) == string(name)
	}).node()
}

// create makes a node without a place.
func (t *table) create(wd int32) int32 {
	n := t.free
	if n != none {
		t.free = t.at(n).next
	} else {
		if t.size%nodeChunk == 0 {
			t.chunks = append(t.chunks, make([]node, nodeChunk))
		}
		n = int32(t.size)
		t.size++
	}
	*t.at(n) = node{wd: wd, parent: none, child: none, next: none, prev: none, flags: flagUsed}
	t.byWd.Put(hashWd(wd), slot(n+1), slot(n+1).is, t.wdOf)
	t.live++
	return n
}

// attach gives a node without a place its place. The slot must be free.
func (t *table) attach(n, parent int32, name []byte) {
	e, p := t.at(n), t.at(parent)
	e.name, e.nameLen = t.names.add(name), uint8(len(name))
	e.parent, e.prev, e.next = parent, none, p.child
	if p.child != none {
		t.at(p.child).prev = n
	}
	p.child = n
	t.byName.Put(t.hashName(parent, name), slot(n+1), slot(n+1).is, t.nameHashOf)
	if t.names.wasteful() {
		t.compact()
	}
}

// detach takes a node, with everything below it, out of its place.
func (t *table) detach(n int32) {
	e := t.at(n)
	if e.parent == none {
		return
	}
	t.byName.Remove(t.hashName(e.parent, t.nameOf(n)), slot(n+1).is, t.nameHashOf)
	if e.prev != none {
		t.at(e.prev).next = e.next
	} else {
		t.at(e.parent).child = e.next
	}
	if e.next != none {
		t.at(e.next).prev = e.prev
	}
	t.names.drop(e.nameLen)
	e.parent, e.prev, e.next, e.nameLen = none, none, none, 0
	t.version++
}

// remove forgets a node. Its children must have been detached.
func (t *table) remove(n int32) {
	t.detach(n)
	e := t.at(n)
	t.byWd.Remove(hashWd(e.wd), slot(n+1).is, t.wdOf)
	*e = node{parent: none, child: none, prev: none, next: t.free}
	t.free = n
	t.live--
	t.version++
	if t.root == n {
		t.root = none
	}
}

// attached tells whether a node hangs below the root.
func (t *table) attached(n int32) bool {
	for n != none && n != t.root {
		n = t.at(n).parent
	}
	return n != none
}

// below tells whether n is top or lies below it.
func (t *table) below(n, top int32) bool {
	for n != none && n != top {
		n = t.at(n).parent
	}
	return n != none
}

// appendPath appends the path of a node relative to the root, and tells
// whether it has one.
func (t *table) appendPath(buf []byte, n int32) ([]byte, bool) {
	size, m := 0, n
	for ; m != none && m != t.root; m = t.at(m).parent {
		size += int(t.at(m).nameLen) + 1
	}
	if m == none {
		return buf, false
	}
	if size == 0 {
		return buf, true
	}
	end := len(buf) + size - 1
	for len(buf) < end {
		buf = append(buf, '/')
	}
	for m = n; m != t.root; m = t.at(m).parent {
		name := t.nameOf(m)
		copy(buf[end-len(name):end], name)
		end -= len(name) + 1
	}
	return buf, true
}

// compact rewrites the names without the dropped ones.
func (t *table) compact() {
	old := t.names
	t.names = names{}
	for n := range int32(t.size) {
		e := t.at(n)
		if e.flags&flagUsed != 0 && e.nameLen > 0 {
			e.name = t.names.add(old.get(e.name, e.nameLen))
		}
	}
}
