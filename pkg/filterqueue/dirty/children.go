package dirty

import (
	"hash/maphash"

	"github.com/sersync/sersync/pkg/probing"
)

// maxLinear is up to how many children a directory is searched in order.
const maxLinear = 8

// children are the nodes below a node, by name: a few in a list, more in a table. The
// names are in the nodes already.
type children struct {
	list  []*node
	table *probing.Table[*node] // instead of list; nil: there are few
	seed  maphash.Seed          // of the table; names are chosen by strangers
}

func (c *children) hash(name string) uint64 { return maphash.String(c.seed, name) }

func (c *children) hashOf(k *node) uint64 { return c.hash(k.name()) }

func (c *children) count() int {
	if c.table != nil {
		return c.table.Len()
	}
	return len(c.list)
}

func (c *children) get(name string) *node {
	if c.table != nil {
		return c.table.Get(c.hash(name), func(k *node) bool { return k.name() == name })
	}
	for _, k := range c.list {
		if k.name() == name {
			return k
		}
	}
	return nil
}

// add takes in a node of a name that is not there yet.
func (c *children) add(k *node) {
	if c.table == nil {
		if len(c.list) < maxLinear {
			c.list = append(c.list, k)
			return
		}
		c.seed, c.table = maphash.MakeSeed(), &probing.Table[*node]{}
		for _, k := range c.list {
			c.put(k)
		}
		c.list = nil
	}
	c.put(k)
}

func (c *children) put(k *node) { c.table.Put(c.hashOf(k), k, k.is, c.hashOf) }

func (n *node) is(other *node) bool { return n == other }

// remove takes out a node that is there.
func (c *children) remove(k *node) {
	if c.table != nil {
		c.table.Remove(c.hashOf(k), k.is, c.hashOf)
		return
	}
	last := len(c.list) - 1
	for i, other := range c.list {
		if other == k {
			c.list[i] = c.list[last]
			c.list[last] = nil
			c.list = c.list[:last]
			return
		}
	}
}

// each calls f for every child; f must not add or remove any.
func (c *children) each(f func(*node)) {
	all := c.list
	if c.table != nil {
		all = c.table.Slots()
	}
	for _, k := range all {
		if k != nil {
			f(k)
		}
	}
}
