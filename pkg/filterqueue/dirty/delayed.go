package dirty

import "container/heap"

// fresh is the heapIndex of a mark just taken and not yet handed out.
const fresh = -1

// delayHeap holds delayed marks, the earliest notBefore first.
type delayHeap []*mark

func (h *delayHeap) push(m *mark)   { heap.Push((*marks)(h), m) }
func (h *delayHeap) remove(m *mark) { heap.Remove((*marks)(h), int(m.heapIndex)); m.where = nowhere }

// marks is delayHeap with the methods that package heap needs.
type marks []*mark

func (h *marks) Len() int           { return len(*h) }
func (h *marks) Less(i, j int) bool { return (*h)[i].notBefore < (*h)[j].notBefore }

func (h *marks) Swap(i, j int) {
	s := *h
	s[i], s[j] = s[j], s[i]
	s[i].heapIndex, s[j].heapIndex = int32(i), int32(j)
}

func (h *marks) Push(x any) {
	m := x.(*mark) //nolint:errcheck // heap.Push is given nothing else
	m.heapIndex = int32(len(*h))
	*h = append(*h, m)
}

func (h *marks) Pop() any {
	s := *h
	last := len(s) - 1
	m := s[last]
	s[last] = nil
	*h = s[:last]
	return m
}
