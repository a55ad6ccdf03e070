package inotify

// nameChunk is the allocation unit of the name store: growing it copies
// nothing.
const nameChunk = 1 << 16

// names stores directory names packed one behind the other. NAME_MAX is 255,
// so a length fits a byte and a name never spans chunks.
type names struct {
	chunks [][]byte
	live   int // bytes in use
	total  int // bytes taken, dropped names included
}

func (s *names) add(name []byte) uint32 {
	last := len(s.chunks) - 1
	if last < 0 || len(s.chunks[last])+len(name) > nameChunk {
		s.chunks = append(s.chunks, make([]byte, 0, nameChunk))
		last++
	}
	off := len(s.chunks[last])
	s.chunks[last] = append(s.chunks[last], name...)
	s.live += len(name)
	s.total += len(name)
	return uint32(last)*nameChunk + uint32(off)
}

// get returns a name that was added. The root, and a directory without a place,
// have none.
func (s *names) get(at uint32, size uint8) []byte {
	if size == 0 {
		return nil
	}
	off := at % nameChunk
	return s.chunks[at/nameChunk][off : off+uint32(size)]
}

func (s *names) drop(size uint8) { s.live -= int(size) }

// wasteful tells that compacting is due.
func (s *names) wasteful() bool { return s.total > 1<<20 && s.live < s.total/2 }
