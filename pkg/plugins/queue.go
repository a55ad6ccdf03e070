package plugins

import (
	"container/heap"
	"container/list"
	"slices"
	"time"
)

// itemOverhead is about what one pending path costs besides its name: the
// item, its map entry and its list elements, in bytes.
const itemOverhead = 400

// key identifies a path for coalescing and ordering.
type key struct{ root, path string }

// item is one pending path. It is in exactly one of: the ready list, the
// delayed heap, a batch in flight.
type item struct {
	event Event
	since time.Time // when the receiver began to lack this path

	inFlight bool
	next     Event // the state that came while in flight; valid if dirty
	dirty    bool

	fails     int       // failed attempts for this path in a row
	notBefore time.Time // valid while delayed

	age *list.Element // place in queue.byAge
}

func (it *item) key() key { return key{it.event.Root, it.event.Path} }

// queue holds the pending paths of one Runner, each once. It is not safe for
// concurrent use; the Runner's lock guards it.
type queue struct {
	maxItems int
	maxBytes int64

	items   map[key]*item
	bytes   int64
	ready   list.List // of *item, in delivery order
	delayed delayHeap
	byAge   list.List // of *item, oldest lack first
}

func newQueue(maxItems int, maxBytes int64) *queue {
	return &queue{maxItems: maxItems, maxBytes: maxBytes, items: make(map[key]*item)}
}

// put adds an event or coalesces it with the pending one of its path, of which
// the later state stays. It reports false when the queue is full.
func (q *queue) put(ev Event, now time.Time) bool {
	k := key{ev.Root, ev.Path}
	if it, ok := q.items[k]; ok {
		switch {
		case it.inFlight && (!it.dirty || ev.Seq >= it.next.Seq):
			it.next, it.dirty = ev, true
		case !it.inFlight && ev.Seq >= it.event.Seq:
			it.event = ev
		}
		return true
	}
	size := cost(ev)
	if len(q.items) >= q.maxItems || q.bytes+size > q.maxBytes {
		return false
	}
	it := &item{event: ev, since: now}
	it.age = q.byAge.PushBack(it)
	q.items[k] = it
	q.bytes += size
	q.ready.PushBack(it)
	return true
}

// take moves up to n ready items into flight.
func (q *queue) take(n int) []*item {
	n = min(n, q.ready.Len())
	batch := make([]*item, 0, n)
	for range n {
		it, _ := q.ready.Remove(q.ready.Front()).(*item)
		it.inFlight = true
		batch = append(batch, it)
	}
	return batch
}

// clear empties the queue and returns its events, those that have been waiting
// longest first. Nothing may be in flight.
func (q *queue) clear() []Event {
	events := make([]Event, 0, len(q.items))
	for e := q.byAge.Front(); e != nil; e = e.Next() {
		it, _ := e.Value.(*item)
		events = append(events, it.event)
	}
	*q = *newQueue(q.maxItems, q.maxBytes)
	return events
}

// done removes an item that the receiver has, or that is given up; a state
// that came meanwhile becomes pending.
func (q *queue) done(it *item, now time.Time) {
	it.inFlight = false
	it.fails = 0
	if it.dirty {
		it.event, it.dirty = it.next, false
		it.since = now
		q.byAge.MoveToBack(it.age)
		q.ready.PushBack(it)
		return
	}
	q.byAge.Remove(it.age)
	q.bytes -= cost(it.event)
	delete(q.items, it.key())
}

// giveBack puts items that were not tried at the front again, in order.
func (q *queue) giveBack(batch []*item) {
	for _, it := range slices.Backward(batch) {
		q.land(it)
		q.ready.PushFront(it)
	}
}

// retry puts an item that failed aside until notBefore.
func (q *queue) retry(it *item, notBefore time.Time) {
	it.fails++
	it.event.Attempt++
	q.land(it)
	it.notBefore = notBefore
	heap.Push(&q.delayed, it)
}

// land ends an item's flight and applies the state that came meanwhile.
func (q *queue) land(it *item) {
	it.inFlight = false
	if it.dirty {
		it.event, it.dirty = it.next, false
	}
}

// promote makes the delayed items whose time has come ready.
func (q *queue) promote(now time.Time) {
	for len(q.delayed) > 0 && !q.delayed[0].notBefore.After(now) {
		it, _ := heap.Pop(&q.delayed).(*item)
		q.ready.PushBack(it)
	}
}

// hurry makes all delayed items ready.
func (q *queue) hurry() {
	for len(q.delayed) > 0 {
		it, _ := heap.Pop(&q.delayed).(*item)
		q.ready.PushBack(it)
	}
}

// due is when the next delayed item becomes ready.
func (q *queue) due() (time.Time, bool) {
	if len(q.delayed) == 0 {
		return time.Time{}, false
	}
	return q.delayed[0].notBefore, true
}

// oldest is since when the receiver has been lacking something.
func (q *queue) oldest() (time.Time, bool) {
	front := q.byAge.Front()
	if front == nil {
		return time.Time{}, false
	}
	it, _ := front.Value.(*item)
	return it.since, true
}

func (q *queue) len() int { return len(q.items) }

// cost estimates the memory of a pending event. Roots are shared strings.
func cost(ev Event) int64 { return int64(len(ev.Path)) + itemOverhead }

// delayHeap orders items by notBefore (container/heap).
type delayHeap []*item

func (h delayHeap) Len() int           { return len(h) }
func (h delayHeap) Less(i, j int) bool { return h[i].notBefore.Before(h[j].notBefore) }
func (h delayHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push is heap.Interface.
func (h *delayHeap) Push(x any) {
	it, _ := x.(*item)
	*h = append(*h, it)
}

// Pop is heap.Interface.
func (h *delayHeap) Pop() any {
	old := *h
	it := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return it
}
