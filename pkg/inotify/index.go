package inotify

// index is a hash set of node numbers with linear probing. The hash of a node
// is computed from the table when needed, so that a slot takes four bytes:
// a map with string keys would cost more than the names themselves.
type index struct {
	slots []int32 // node+1; 0 is free; the length is a power of two
	used  int
	hash  func(n int32) uint64 // of a node that is in the index
}

func (x *index) mask() int { return len(x.slots) - 1 }

// find returns the node for which match says yes, among those of hash h.
func (x *index) find(h uint64, match func(n int32) bool) int32 {
	if x.used == 0 {
		return none
	}
	for i := int(h) & x.mask(); x.slots[i] != 0; i = (i + 1) & x.mask() {
		if n := x.slots[i] - 1; match(n) {
			return n
		}
	}
	return none
}

func (x *index) add(h uint64, n int32) {
	if (x.used+1)*4 > len(x.slots)*3 {
		x.resize(max(64, 2*len(x.slots)))
	}
	x.put(h, n)
	x.used++
}

func (x *index) put(h uint64, n int32) {
	i := int(h) & x.mask()
	for x.slots[i] != 0 {
		i = (i + 1) & x.mask()
	}
	x.slots[i] = n + 1
}

// remove takes n out and moves later entries of the same run up, so that no
// marker for deleted slots is needed.
func (x *index) remove(h uint64, n int32) {
	if x.used == 0 {
		return
	}
	i := int(h) & x.mask()
	for x.slots[i] != n+1 {
		if x.slots[i] == 0 {
			return
		}
		i = (i + 1) & x.mask()
	}
	x.used--
	for j := (i + 1) & x.mask(); x.slots[j] != 0; j = (j + 1) & x.mask() {
		home := int(x.hash(x.slots[j]-1)) & x.mask()
		// The entry at j may fill the gap at i unless its home lies
		// cyclically behind the gap.
		if (j-home)&x.mask() >= (j-i)&x.mask() {
			x.slots[i] = x.slots[j]
			i = j
		}
	}
	x.slots[i] = 0
	if len(x.slots) > 1024 && x.used*8 < len(x.slots) {
		x.resize(len(x.slots) / 2)
	}
}

func (x *index) resize(size int) {
	old := x.slots
	x.slots = make([]int32, size)
	for _, s := range old {
		if s != 0 {
			x.put(x.hash(s-1), s-1)
		}
	}
}
