package announce

import "strings"

// tree holds the waiting entries by path, so that those below a directory are found without looking
// at all others: a lane may settle thousands of directories at once.
type tree struct {
	root node
	size int
}

type node struct {
	entry *entry
	below map[string]*node // by name
}

func (t *tree) find(path string) *entry {
	if n := t.at(path); n != nil {
		return n.entry
	}
	return nil
}

func (t *tree) at(path string) *node {
	n := &t.root
	for path != "" && n != nil {
		var name string
		name, path, _ = strings.Cut(path, "/")
		n = n.below[name]
	}
	return n
}

// put adds an entry at a path that has none.
func (t *tree) put(path string, e *entry) {
	n := &t.root
	for path != "" {
		var name string
		name, path, _ = strings.Cut(path, "/")
		next := n.below[name]
		if next == nil {
			next = &node{}
			if n.below == nil {
				n.below = map[string]*node{}
			}
			n.below[name] = next
		}
		n = next
	}
	n.entry = e
	t.size++
}

// remove takes an entry out, and the nodes that only led to it.
func (t *tree) remove(path string) {
	if n := t.at(path); n != nil && n.entry != nil {
		n.entry = nil
		t.size--
	}
	t.root.prune(path)
}

// prune removes the empty nodes on the way to path.
func (n *node) prune(path string) {
	if path == "" {
		return
	}
	name, rest, _ := strings.Cut(path, "/")
	next := n.below[name]
	if next == nil {
		return
	}
	next.prune(rest)
	if next.entry == nil && len(next.below) == 0 {
		delete(n.below, name)
		if len(n.below) == 0 {
			n.below = nil
		}
	}
}

// within returns the entries at path and below it.
func (t *tree) within(path string) []*entry {
	var out []*entry
	if n := t.at(path); n != nil {
		n.collect(&out)
	}
	return out
}

func (n *node) collect(out *[]*entry) {
	if n.entry != nil {
		*out = append(*out, n.entry)
	}
	for _, next := range n.below {
		next.collect(out)
	}
}
