// Package nameset remembers paths by their hashes: that a path was here once
// costs some fourteen bytes, whatever its length. Hashes have 63 bits and a seed of
// this process, so nobody can choose a name that is taken for another one. They
// mean nothing in another process.
package nameset

import (
	"hash/maphash"
	"strings"
)

var seed = maphash.MakeSeed()

// Key stands for one path relative to a watch root. The zero Key is the root's.
type Key uint64

// Name stands for the name of one entry of a directory. Its lowest bit is never set, so that a
// caller who keeps many of them may use that bit.
type Name uint64

// NameOf returns the hash of one component of a path.
func NameOf(name []byte) Name { return named(maphash.Bytes(seed, name)) }

// named makes a Name of a hash: even, and not 0.
func named(hash uint64) Name { return Name(max(hash&^1, 2)) }

// Child returns the key of an entry of the directory k.
func (k Key) Child(n Name) Key {
	// An odd multiplier and a rotation, so that a/b and b/a differ.
	x := uint64(k)*0x9e3779b97f4a7c15 + 0x632be59bd9b4e019
	x ^= uint64(n)
	x = (x<<31 | x>>33) * 0xbf58476d1ce4e5b9
	return Key(x ^ x>>29)
}

// KeyOf returns the key of a path.
func KeyOf(path string) Key {
	var k Key
	for name := range strings.SplitSeq(path, "/") {
		if name != "" {
			k = k.Child(named(maphash.String(seed, name)))
		}
	}
	return k
}

// whole tells a directory with all that is below it from the entry alone.
const whole = Name(0x5bd1e9955bd1e995) // odd: no name has it

// Set is a set of paths. The zero value and nil are empty and can be asked; paths can only be added
// to a Set made by new or a composite literal. It is not safe for concurrent use.
type Set struct{ keys map[Key]struct{} }

// Add adds one path.
func (s *Set) Add(k Key) {
	if s.keys == nil {
		s.keys = map[Key]struct{}{}
	}
	s.keys[k] = struct{}{}
}

// AddTree adds a directory with everything that is below it.
func (s *Set) AddTree(k Key) {
	s.Add(k)
	s.Add(k.Child(whole))
}

// Join adds everything that another set holds.
func (s *Set) Join(other *Set) {
	if other == nil {
		return
	}
	for k := range other.keys {
		s.Add(k)
	}
}

// Len is how many hashes the set holds.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.keys)
}

// Has tells whether the path is in the set, by itself or below a directory that was added with
// AddTree.
func (s *Set) Has(path string) bool {
	if s.Len() == 0 {
		return false
	}
	var k Key
	for name := range strings.SplitSeq(path, "/") {
		if _, all := s.keys[k.Child(whole)]; all {
			return true
		}
		if name != "" {
			k = k.Child(named(maphash.String(seed, name)))
		}
	}
	_, in := s.keys[k]
	return in
}
