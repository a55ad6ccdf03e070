// Package ledger remembers which version of each file a lane has sent last, over restarts. With -u
// a file that is newer on the remote is kept; where this host has sent that version itself, an
// older file may replace it.
//
// The file of a ledger is a row of entries of 16 bytes: the hash of a path and the
// hash of a version of it. Entries are appended, and the last one of a path counts. It
// is read only when a question is asked, which is rare, so that nothing is kept
// in memory. Its size is bounded by the number of files, and by maxEntries.
//
// A lost or damaged entry does no harm: the newer file on the remote then stays, and the status
// says so. So nothing here is synced to the disk.
package ledger

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/sersync/sersync/pkg/safefile"
)

const (
	entrySize = 16
	fileMode  = 0o600
	// maxEntries is the number of entries from which on the oldest half is forgotten (64 MB).
	maxEntries = 4 << 20
	// slack is how many superfluous entries there have to be at least before the file is written
	// anew (1 MB).
	slack = 64 << 10
)

// Version is one state of a file.
type Version struct {
	Path  string
	Size  int64
	Mtime int64 // seconds since 1970: what a remote tells of its copies
}

// Ledger is the ledger of one lane. It is safe for concurrent use.
type Ledger struct {
	path string
	most int    // entries; changed by tests alone
	wake func() // asks for Write

	file sync.Mutex // serialises all access to the file, and guards live
	live int        // entries right after it was written anew; -1: not known

	mu     sync.Mutex // guards queued; held for no access to the file
	queued []byte     // entries that are not in the file yet
}

// maxQueued bounds the entries that wait for a file system that hangs (4 MB).
const maxQueued = 256 << 10

// New returns the ledger that is kept at path. No file is opened. wake is called
// when there is something to be written; it must not block.
func New(path string, wake func()) *Ledger {
	return &Ledger{path: path, most: maxEntries, live: -1, wake: wake}
}

// Add remembers what has been sent, and asks for it to be written down. It never
// waits for a disk.
func (l *Ledger) Add(versions []Version) {
	l.mu.Lock()
	for _, v := range versions {
		if len(l.queued) < maxQueued*entrySize {
			l.queued = append(l.queued, v.entry()...)
		}
	}
	l.mu.Unlock()
	l.wake()
}

// Write writes down what was added.
func (l *Ledger) Write() error {
	l.file.Lock()
	defer l.file.Unlock()
	l.mu.Lock()
	b := l.queued
	l.mu.Unlock()
	if len(b) == 0 {
		return nil
	}
	err := l.appendLocked(b)
	l.mu.Lock() // only now: who asks meanwhile finds it here
	l.queued = append([]byte(nil), l.queued[len(b):]...)
	l.mu.Unlock()
	return err
}

func (l *Ledger) appendLocked(b []byte) error {
	f, err := safefile.OpenAppend(l.path, fileMode)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	size, err := appendWhole(f, b)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("ledger %q: %w", l.path, err)
	}
	return l.compactLocked(int(size / entrySize))
}

// appendWhole appends entries and returns the new size of the file. If a crash or a full disk has
// left a part of an entry at the end, it is padded first, so that the entries after it are found.
func appendWhole(f *os.File, b []byte) (size int64, err error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if part := st.Size() % entrySize; part != 0 {
		b = append(make([]byte, entrySize-part), b...)
	}
	_, err = f.Write(b)
	return st.Size() + int64(len(b)), err
}

// compactLocked writes the file anew when half of its entries, or more, may be
// superfluous.
func (l *Ledger) compactLocked(entries int) error {
	if entries <= slack && entries <= l.most || l.live >= 0 && entries <= min(l.most, 2*l.live+slack) {
		return nil
	}
	last := map[uint64]int{} // of each path: the number of its last entry
	all, err := l.readLocked(func(n int, path, _ uint64) { last[path] = n })
	if err != nil {
		return err
	}
	forget := 0
	if len(last) > l.most/2 {
		forget = all - l.most/2
	}
	kept := make([]byte, 0, len(last)*entrySize)
	if _, err = l.readLocked(func(n int, path, version uint64) {
		if last[path] == n && n >= forget {
			kept = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(kept, path), version)
		}
	}); err != nil {
		return err
	}
	if err := safefile.WriteAtomic(l.path, kept, fileMode); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	l.live = len(kept) / entrySize
	return nil
}

// Sent tells for each version whether it is the one that was sent last for its path.
func (l *Ledger) Sent(versions []Version) ([]bool, error) {
	sent := make([]bool, len(versions))
	if len(versions) == 0 {
		return sent, nil
	}
	wanted := make(map[uint64][]int, len(versions))
	hashes := make([]uint64, len(versions))
	for i, v := range versions {
		e := v.entry()
		path := binary.BigEndian.Uint64(e)
		wanted[path] = append(wanted[path], i)
		hashes[i] = binary.BigEndian.Uint64(e[8:])
	}
	look := func(_ int, path, version uint64) {
		for _, i := range wanted[path] {
			sent[i] = hashes[i] == version
		}
	}
	l.file.Lock()
	defer l.file.Unlock()
	_, err := l.readLocked(look)
	l.mu.Lock()
	queued := l.queued
	l.mu.Unlock()
	for n := 0; n < len(queued); n += entrySize {
		look(n, binary.BigEndian.Uint64(queued[n:]), binary.BigEndian.Uint64(queued[n+8:]))
	}
	return sent, err
}

// readLocked, with file held, calls each for every entry and returns their number.
func (l *Ledger) readLocked(each func(n int, path, version uint64)) (n int, err error) {
	f, err := safefile.OpenUpdate(l.path, fileMode)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("ledger: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	in := bufio.NewReaderSize(f, 256<<10)
	var e [entrySize]byte
	for ; ; n++ {
		if _, err := io.ReadFull(in, e[:]); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return n, nil
			}
			return n, fmt.Errorf("ledger %q: %w", l.path, err)
		}
		each(n, binary.BigEndian.Uint64(e[:8]), binary.BigEndian.Uint64(e[8:]))
	}
}

// entry is a version as the file keeps it. A path may be anything, so that its
// hash has to be one that nobody can aim at.
func (v Version) entry() []byte {
	path := sha256.Sum256([]byte(v.Path))
	var state [16]byte
	binary.BigEndian.PutUint64(state[:8], uint64(v.Size))
	binary.BigEndian.PutUint64(state[8:], uint64(v.Mtime))
	version := sha256.Sum256(append(state[:], v.Path...))
	return append(path[:8:8], version[:8]...)
}
