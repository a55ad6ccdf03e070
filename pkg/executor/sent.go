package executor

import "hash/maphash"

// hashes remembers names by their hash, where the names themselves would take
// too much room.
type hashes struct {
	seed maphash.Seed
	set  map[uint64]struct{}
}

// maxHashes bounds the names (some 40 MB).
const maxHashes = 1_000_000

func (h *hashes) add(name string) {
	if h.set == nil {
		h.seed, h.set = maphash.MakeSeed(), map[uint64]struct{}{}
	}
	if len(h.set) < maxHashes {
		h.set[maphash.String(h.seed, name)] = struct{}{}
	}
}

func (h *hashes) has(name string) bool {
	if h.set == nil {
		return false
	}
	_, ok := h.set[maphash.String(h.seed, name)]
	return ok
}

// wasSent tells whether the run has listed a path as sent. Of more than
// maxHashes beyond maxChanges it does not know.
func (o *outcome) wasSent(path string) bool { return o.changed[path].Sent || o.also.has(path) }
