package filterqueue

import "hash/maphash"

// maxLinear is up to how many children a directory is searched in order.
const maxLinear = 8

// children are the nodes below a node, by name. With more than a few they are
// a hash table of pointers with linear probing: the names are in the nodes
// already, and a Go map would take three times the memory of each of them.
type children struct {
	list  []*node // maxLinear or fewer: all of them; else slots, nil when free
	count int
	table bool
	seed  maphash.Seed // of the table; names are chosen by strangers
}

func (c *children) home(name string) int {
	return int(maphash.String(c.seed, name) & uint64(len(c.list)-1))
}

// slot returns where name is, or where it would be put.
func (c *children) slot(name string) int {
	i := c.home(name)
	for c.list[i] != nil && c.list[i].name() != name {
		i = (i + 1) & (len(c.list) - 1)
	}
	return i
}

func (c *children) get(name string) *node {
	if c.table {
		return c.list[c.slot(name)]
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
	c.count++
	if !c.table {
		if c.count <= maxLinear {
			c.list = append(c.list, k)
			return
		}
		c.seed = maphash.MakeSeed()
		c.table = true
		c.resize(4 * maxLinear)
	} else if c.count > len(c.list)/4*3 {
		c.resize(2 * len(c.list))
	}
	c.list[c.slot(k.name())] = k
}

// resize makes a table of size slots, a power of two, out of what is there.
func (c *children) resize(size int) {
	old := c.list
	c.list = make([]*node, size)
	for _, k := range old {
		if k != nil {
			c.list[c.slot(k.name())] = k
		}
	}
}

// remove takes out a node that is there.
func (c *children) remove(k *node) {
	c.count--
	if !c.table {
		for i, other := range c.list {
			if other == k {
				c.list[i] = c.list[c.count]
				c.list[c.count] = nil
				c.list = c.list[:c.count]
				return
			}
		}
		return
	}
	mask := len(c.list) - 1
	free := c.slot(k.name())
	c.list[free] = nil
	// Those behind it in the same run move up, unless their home lies between.
	for i := (free + 1) & mask; c.list[i] != nil; i = (i + 1) & mask {
		home := c.home(c.list[i].name())
		if (i-home)&mask >= (i-free)&mask {
			c.list[free], c.list[i] = c.list[i], nil
			free = i
		}
	}
	if len(c.list) > 4*maxLinear && c.count < len(c.list)/8 {
		c.resize(len(c.list) / 2)
	}
}

// each calls f for every child; f must not add or remove any.
func (c *children) each(f func(*node)) {
	for _, k := range c.list {
		if k != nil {
			f(k)
		}
	}
}
