package backlog

import (
	"slices"
	"strings"

	"github.com/sersync/sersync/pkg/change"
)

// Remember returns the items to be kept over a restart, in the order in which Restore is to be
// called, and without content. With more than limit items, one comparison of the tree stands for
// all but the removals.
func (b *Backlog) Remember(limit int) []Item {
	var all []Item
	root := Item{Entry: change.Entry{State: change.Tree}}
	few := b.Len() <= limit
	for _, set := range []map[string]*Item{b.flying, b.waiting} {
		for _, i := range set {
			m := Item{Entry: i.Entry, Wipe: i.Wipe, Since: i.Since, Needs: i.Needs}
			if m.Entry.Content != nil || m.Entry.State == change.File {
				m.Entry.Content, m.Entry.Fetch = nil, true
			}
			if few || i.wipes() {
				all = append(all, m)
				continue
			}
			if root.Since == (Mark{}) {
				root.Since = i.Since
			}
			root.Since = earlier(root.Since, i.Since)
			root.Needs = max(root.Needs, i.Needs)
			root.Entry.Exact = root.Entry.Exact || i.Entry.Exact
		}
	}
	if !few && root.Since != (Mark{}) {
		all = append(all, root)
	}
	// Directories come before what is below them, and of one path the item in flight comes first.
	slices.SortStableFunc(all, func(a, b Item) int { return strings.Compare(a.Entry.Path, b.Entry.Path) })
	return all
}

// Restore adds an item that was remembered over a restart.
func (b *Backlog) Restore(i Item) {
	b.Put(i.Entry, i.Since)
	if w := b.waiting[i.Entry.Path]; w != nil && i.Wipe {
		b.remove(w)
		w.Wipe = true
		b.add(w)
	}
}
