package change

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"github.com/klauspost/compress/s2"
)

// Decode reads a message. It allocates no more than the limits allow, whatever it is
// given, and a message with one bad entry is refused as a whole.
func Decode(b []byte) (Message, error) {
	body, err := unseal(b)
	if err != nil {
		return Message{}, err
	}
	r := reader{rest: body}
	var m Message
	copy(m.Epoch[:], r.bytes(uint64(len(m.Epoch))))
	m.Generation = r.uvarint()
	m.Time = time.Unix(0, r.varint())
	count := r.uvarint()
	for ; count > 0 && !r.failed; count-- {
		e, err := r.entry()
		if err != nil {
			return Message{}, err
		}
		m.Entries = append(m.Entries, e)
	}
	if r.failed || len(r.rest) != 0 {
		return Message{}, fmt.Errorf("the body is not what its numbers say: %w", ErrDamaged)
	}
	return m, nil
}

// unseal returns the body of a message.
func unseal(b []byte) ([]byte, error) {
	if len(b) < headLen || string(b[:len(magic)]) != magic {
		return nil, ErrForeign
	}
	if b[len(magic)] != version {
		return nil, fmt.Errorf("version %d: %w", b[len(magic)], ErrFuture)
	}
	if len(b) > MaxBody+headLen+binary.MaxVarintLen32+sumLen {
		return nil, fmt.Errorf("a message of %d bytes: %w", len(b), ErrLimit)
	}
	end := len(b) - sumLen
	if end < headLen || crc32.Checksum(b[:end], castagnoli) != binary.LittleEndian.Uint32(b[end:]) {
		return nil, fmt.Errorf("the checksum differs: %w", ErrDamaged)
	}
	r := reader{rest: b[headLen:end]}
	size := r.uvarint()
	switch flags := b[headLen-1]; {
	case r.failed || flags&^flagCompressed != 0:
		return nil, fmt.Errorf("flags %#x: %w", flags, ErrDamaged)
	case size > MaxBody:
		return nil, fmt.Errorf("a body of %d bytes: %w", size, ErrLimit)
	case flags == 0 && uint64(len(r.rest)) == size:
		return r.rest, nil
	case flags == 0:
		return nil, fmt.Errorf("a body of %d bytes instead of %d: %w", len(r.rest), size, ErrDamaged)
	}
	if n, err := s2.DecodedLen(r.rest); err != nil || uint64(n) != size {
		return nil, fmt.Errorf("a body that becomes %d bytes instead of %d: %w", n, size, ErrDamaged)
	}
	body, err := s2.Decode(nil, r.rest)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return body, nil
}

// reader takes a body apart. After the first thing that is not there everything that
// it returns is zero.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) fail() {
	r.failed, r.rest = true, nil
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// small is a number of 32 bits.
func (r *reader) small() uint32 {
	v := r.uvarint()
	if v > math.MaxUint32 {
		r.fail()
		return 0
	}
	return uint32(v)
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.fail()
		return nil
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) string() string { return string(r.bytes(r.uvarint())) }

func (r *reader) entry() (Entry, error) {
	head := r.bytes(2)
	if r.failed {
		return Entry{}, fmt.Errorf("cut off before an entry: %w", ErrDamaged)
	}
	e := Entry{State: State(head[0]), Fetch: head[1]&flagFetch != 0, Exact: head[1]&flagExact != 0, Path: r.string()}
	if head[1]&^(flagFetch|flagExact) != 0 {
		return Entry{}, fmt.Errorf("flags %#x of %q: %w", head[1], e.Path, ErrEntry)
	}
	switch e.State {
	case File:
		e.Mode = r.small()
		r.owner(&e)
		e.Size = r.size()
		if !e.Fetch {
			e.Content = r.bytes(uint64(e.Size))
		}
	case Dir:
		e.Mode = r.small()
		r.owner(&e)
	case Link:
		r.owner(&e)
		e.Target = r.string()
	case Special:
		e.Mode = r.small()
		r.owner(&e)
		e.Rdev = r.uvarint()
	case Gone, Tree: // the path is all
	}
	if r.failed {
		return Entry{}, fmt.Errorf("cut off in an entry: %w", ErrDamaged)
	}
	return e, e.Check()
}

func (r *reader) owner(e *Entry) {
	e.UID, e.GID, e.ModTime = r.small(), r.small(), r.varint()
}

func (r *reader) size() int64 {
	v := r.uvarint()
	if v > math.MaxInt64 {
		r.fail()
		return 0
	}
	return int64(v)
}
