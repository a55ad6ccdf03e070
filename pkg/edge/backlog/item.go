package backlog

import (
	"time"

	"github.com/sersync/sersync/pkg/change"
)

// Item is one path and what is to be done about it.
type Item struct {
	// Entry is the state that the path is to have. Its State is Gone when the path is only to be
	// removed.
	Entry change.Entry
	// Wipe says that everything at the path is removed before a Dir is made there.
	Wipe bool
	// Since is the mark of the oldest message about the path that has not been applied.
	Since Mark
	// Needs is the generation that an upstream must have for the path to be fetched
	// from there.
	Needs uint64
	// Attempt counts the failures in a row.
	Attempt int

	due   time.Time
	stamp uint64 // of the latest place in a queue: earlier ones are void
}

// Mark is the place of a message in the stream.
type Mark struct {
	Sequence, Generation uint64
}

// Path is the path of the item.
func (i *Item) Path() string { return i.Entry.Path }

// Fetched tells whether the item has to be fetched by a run.
func (i *Item) Fetched() bool {
	return i.Entry.State == change.Tree || i.Entry.State == change.File && i.Entry.Fetch
}

// removes tells whether the item removes what is below its path.
func (i *Item) removes() bool {
	return i.Wipe || i.Entry.State != change.Dir && i.Entry.State != change.Tree
}

// wipes tells whether the item is a removal, which a comparison cannot replace.
func (i *Item) wipes() bool { return i.Wipe || i.Entry.State == change.Gone }

// slot is one place in a queue; it is void when the item was enqueued again later, or no longer
// waits.
type slot struct {
	item  *Item
	stamp uint64
}

// queue is first in, first out.
type queue struct{ slots []slot }

func (q *queue) push(i *Item) {
	i.stamp++
	q.slots = append(q.slots, slot{i, i.stamp})
}

// each hands out the items of valid slots from the front, until take returns stop; those for which
// it returns keep stay, in their order.
func (q *queue) each(take func(*Item) (keep, stop bool)) {
	var kept []slot
	seen := 0
	for _, s := range q.slots {
		seen++
		if s.stamp != s.item.stamp {
			continue
		}
		keep, stop := take(s.item)
		if keep {
			kept = append(kept, s)
		}
		if stop {
			break
		}
	}
	q.slots = q.slots[seen:]
	if len(kept) > 0 {
		q.slots = append(kept, q.slots...)
	}
}

func earlier(a, b Mark) Mark {
	if b.Sequence < a.Sequence {
		return b
	}
	return a
}
