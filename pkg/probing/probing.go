// Package probing has the hash table for very many small things. A slot of the table is
// the thing itself, be it a number or a pointer: a Go map with the same names as keys
// takes three times the memory and more.
package probing

// Table is a hash table with linear probing. The zero value of S marks a free slot, so it cannot be
// an element. The zero Table is empty. Not safe for concurrent use.
//
// The table does not know what makes two elements one, nor their hashes: whoever calls
// says so, the same way at every call.
type Table[S comparable] struct {
	slots []S // the length is 0 or a power of two
	used  int
}

// smallest is the length of a table with one element.
const smallest = 4

// Len is the number of elements.
func (t *Table[S]) Len() int { return t.used }

// Slots are the elements, with zero values between them. The caller may replace an element by one
// with the same hash.
func (t *Table[S]) Slots() []S { return t.slots }

// Get returns the element of a hash for which is says yes, or the zero value.
func (t *Table[S]) Get(hash uint64, is func(S) bool) (s S) {
	if t.used == 0 {
		return s
	}
	return t.slots[t.slot(hash, is)]
}

// slot is where the element is, or the free slot where it belongs.
func (t *Table[S]) slot(hash uint64, is func(S) bool) int {
	var free S
	mask := len(t.slots) - 1
	i := int(hash) & mask
	for t.slots[i] != free && !is(t.slots[i]) {
		i = (i + 1) & mask
	}
	return i
}

// Put adds s, whose hash is hash, or replaces the element for which is says yes.
func (t *Table[S]) Put(hash uint64, s S, is func(S) bool, hashOf func(S) uint64) {
	if (t.used+1)*4 > len(t.slots)*3 {
		t.resize(max(smallest, 2*len(t.slots)), hashOf)
	}
	var free S
	i := t.slot(hash, is)
	if t.slots[i] == free {
		t.used++
	}
	t.slots[i] = s
}

// resize gives the table another length, which is a power of two.
func (t *Table[S]) resize(length int, hashOf func(S) uint64) {
	var free S
	old := t.slots
	t.slots = make([]S, length)
	for _, s := range old {
		if s != free {
			t.slots[t.slot(hashOf(s), never)] = s
		}
	}
}

func never[S any](S) bool { return false }

// Remove removes the element of a hash for which is says yes, if there is one.
func (t *Table[S]) Remove(hash uint64, is func(S) bool, hashOf func(S) uint64) {
	if t.used == 0 {
		return
	}
	var free S
	mask := len(t.slots) - 1
	gap := t.slot(hash, is)
	if t.slots[gap] == free {
		return
	}
	t.used--
	t.slots[gap] = free
	// The elements behind it move up, so that no marker for deleted ones is needed:
	// each one unless its home lies cyclically behind the gap.
	for i := (gap + 1) & mask; t.slots[i] != free; i = (i + 1) & mask {
		if home := int(hashOf(t.slots[i])) & mask; (i-home)&mask >= (i-gap)&mask {
			t.slots[gap], t.slots[i] = t.slots[i], free
			gap = i
		}
	}
	if len(t.slots) > 4*smallest && t.used < len(t.slots)/8 {
		t.resize(len(t.slots)/2, hashOf)
	}
}
