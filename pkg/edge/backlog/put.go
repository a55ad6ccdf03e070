package backlog

import "github.com/sersync/sersync/pkg/change"

// Put adds an entry of the message that has the mark.
func (b *Backlog) Put(e change.Entry, m Mark) {
	if len(b.waiting) >= b.limits.Paths && b.waiting[e.Path] == nil && e.State != change.Gone {
		b.collapse(m)
	}
	if b.absorbed(e, m) {
		return
	}
	since := m
	if e.State != change.Dir {
		since = b.dropBelow(e.Path, e.State == change.Tree, since)
	}
	if e.Content != nil && b.content+int64(len(e.Content)) > b.limits.Content {
		e.Content, e.Fetch = nil, true
	}
	old := b.waiting[e.Path]
	if old == nil {
		b.add(&Item{Entry: e, Since: since, Needs: m.Generation})
		return
	}
	b.remove(old)
	i := &Item{Entry: e, Since: earlier(since, old.Since), Needs: m.Generation}
	switch {
	case e.State == change.Dir && old.Entry.State == change.Tree:
		i.Entry = old.Entry // the comparison also brings over the directory itself
		i.Wipe = old.Wipe
	case e.State == change.Dir && old.removes():
		i.Wipe = true
	case e.State == change.Tree:
		i.Entry.Exact = e.Exact || old.Entry.Exact
		i.Wipe = old.removes()
	}
	b.add(i)
}

// absorbed tells whether a comparison that waits above the path covers an entry.
func (b *Backlog) absorbed(e change.Entry, m Mark) bool {
	covered := false
	up(e.Path, func(dir string) bool {
		w := b.waiting[dir]
		if w == nil || w.Entry.State != change.Tree || dir == e.Path {
			return true
		}
		w.Needs = max(w.Needs, m.Generation)
		switch e.State {
		case change.Gone:
		case change.Tree:
			w.Entry.Exact = w.Entry.Exact || e.Exact
			covered = true
		default:
			covered = e.Fetch || b.inFlight(e.Path)
		}
		return true
	})
	return covered && b.waiting[e.Path] == nil && b.waitingBelow[e.Path] == 0
}

// dropBelow drops the items that wait below a path whose own item decides about all of them. With
// keepWipes removals stay, because a comparison alone does not remove. It returns the oldest of
// oldest and the marks of the dropped items.
func (b *Backlog) dropBelow(path string, keepWipes bool, oldest Mark) Mark {
	if b.waitingBelow[path] == 0 {
		return oldest
	}
	for at, i := range b.waiting {
		if !isBelow(at, path) || keepWipes && i.wipes() {
			continue
		}
		oldest = earlier(oldest, i.Since)
		b.remove(i)
	}
	return oldest
}

// collapse replaces all waiting items except removals by one comparison of the whole tree.
func (b *Backlog) collapse(m Mark) {
	root := &Item{Entry: change.Entry{State: change.Tree}, Since: m, Needs: m.Generation}
	for _, i := range b.waiting {
		if i.wipes() {
			continue
		}
		root.Since = earlier(root.Since, i.Since)
		root.Needs = max(root.Needs, i.Needs)
		root.Entry.Exact = root.Entry.Exact || i.Entry.Exact
		b.remove(i)
	}
	if old := b.waiting[""]; old != nil {
		b.remove(old)
		root.Wipe = old.Wipe
	}
	b.add(root)
}

func (b *Backlog) add(i *Item) {
	b.waiting[i.Path()] = i
	count(b.waitingBelow, i.Path(), 1)
	b.content += int64(len(i.Entry.Content))
	if i.wipes() {
		b.wipes++
		count(b.wipesBelow, i.Path(), 1)
	}
	b.enqueue(i)
}

// remove takes an item out of the waiting ones.
func (b *Backlog) remove(i *Item) {
	delete(b.waiting, i.Path())
	count(b.waitingBelow, i.Path(), -1)
	b.content -= int64(len(i.Entry.Content))
	if i.wipes() {
		b.wipes--
		count(b.wipesBelow, i.Path(), -1)
	}
	i.stamp++
}

func (b *Backlog) enqueue(i *Item) {
	if i.Fetched() && !i.Wipe {
		b.fetch.push(i)
	} else {
		b.local.push(i)
	}
}
