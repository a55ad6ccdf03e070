package change

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/s2"
)

const (
	magic   = "ssc"
	version = 1

	flagCompressed = 1 // of a message
	flagFetch      = 1 // of an entry
	flagExact      = 2 // of an entry

	headLen = len(magic) + 2 // without the length of the body
	sumLen  = 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Overhead is the most that a message without entries takes of MaxBody, in bytes.
const Overhead = len(Epoch{}) + 3*binary.MaxVarintLen64

// Encode writes a message. The error names the entry that cannot be written, or says
// that there are too many.
func (m Message) Encode() ([]byte, error) {
	body := make([]byte, 0, m.weight())
	body = append(body, m.Epoch[:]...)
	body = binary.AppendUvarint(body, m.Generation)
	body = binary.AppendVarint(body, m.Time.UnixNano())
	body = binary.AppendUvarint(body, uint64(len(m.Entries)))
	for _, e := range m.Entries {
		if err := e.Check(); err != nil {
			return nil, err
		}
		body = e.append(body)
	}
	if len(body) > MaxBody {
		return nil, fmt.Errorf("a message of %d bytes: %w", len(body), ErrLimit)
	}
	return seal(body), nil
}

// seal makes a message of a body: magic, version and flags before it, the checksum after it.
func seal(body []byte) []byte {
	flags, sealed := byte(0), body
	if packed := s2.Encode(nil, body); len(packed) < len(body) {
		flags, sealed = flagCompressed, packed
	}
	b := make([]byte, 0, headLen+binary.MaxVarintLen32+len(sealed)+sumLen)
	b = append(b, magic...)
	b = append(b, version, flags)
	b = binary.AppendUvarint(b, uint64(len(body)))
	b = append(b, sealed...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func (m Message) weight() int {
	n := Overhead
	for _, e := range m.Entries {
		n += e.Weight()
	}
	return n
}

// Weight is the most that an entry takes of MaxBody, in bytes. A message can be encoded
// when Overhead and the weights of its entries are not beyond MaxBody.
func (e Entry) Weight() int {
	const numbers = 2 + 8*binary.MaxVarintLen64
	return numbers + len(e.Path) + len(e.Target) + len(e.Content)
}

func (e Entry) append(b []byte) []byte {
	flags := byte(0)
	if e.Fetch {
		flags |= flagFetch
	}
	if e.Exact {
		flags |= flagExact
	}
	b = append(b, byte(e.State), flags)
	b = appendString(b, e.Path)
	switch e.State {
	case File:
		b = e.appendOwner(binary.AppendUvarint(b, uint64(e.Mode)))
		b = binary.AppendUvarint(b, uint64(e.Size))
		if !e.Fetch {
			b = append(b, e.Content...) // Size is its length
		}
	case Dir:
		b = e.appendOwner(binary.AppendUvarint(b, uint64(e.Mode)))
	case Link:
		b = appendString(e.appendOwner(b), e.Target)
	case Special:
		b = e.appendOwner(binary.AppendUvarint(b, uint64(e.Mode)))
		b = binary.AppendUvarint(b, e.Rdev)
	case Gone, Tree: // the path is all
	}
	return b
}

func (e Entry) appendOwner(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(e.UID))
	b = binary.AppendUvarint(b, uint64(e.GID))
	return binary.AppendVarint(b, e.ModTime)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
