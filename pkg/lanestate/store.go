// Package lanestate keeps on disk what a lane remembers over a restart: its
// watermark, what was learnt about the remote, and what the brake knows. It also
// chooses the directory for it.
//
// The package starts no goroutines. What it writes is read by the next start of
// the program and by nobody else. State and Clock are plain data.
package lanestate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sersync/sersync/pkg/safefile"
)

const (
	dirMode  = 0o700
	fileMode = 0o600

	// maxBytes is far above any state: it grows with the number of mounts
	// below a watch root.
	maxBytes = 4 << 20
)

// Store reads and writes the state files of lanes in one directory. It holds
// nothing open and is safe for concurrent use; one process per lane writes
// (package lock).
type Store struct {
	dir   string // immutable
	clock func() (Clock, error)
}

// Open creates the directory if it is missing, with mode 0700, and
// refuses one into which others may write.
func Open(dir string) (*Store, error) {
	if err := prepareDir(dir); err != nil {
		return nil, err
	}
	return &Store{dir: dir, clock: ReadClock}, nil
}

func prepareDir(dir string) error {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("state directory %q: %w; create it, or give another one in <state dir=\"...\">", dir, err)
	}
	if err := safefile.CheckDir(dir); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	return nil
}

// Path is the state file of a lane: a readable part and a hash of the whole
// key, because keys are paths of any bytes and any length.
func (s *Store) Path(lane string) string {
	return filepath.Join(s.dir, "lane-"+readable(lane)+"-"+shortHash(lane)+".json")
}

// historyPath is where State.History is kept.
func (s *Store) historyPath(lane string) string {
	return filepath.Join(s.dir, "history-"+readable(lane)+"-"+shortHash(lane))
}

// maxHistory is far above any history, in bytes.
const maxHistory = 256 << 10

// loadHistory reads a lane's history; nil when there is none that can be used. The file begins with
// the lane's key.
func (s *Store) loadHistory(lane string) []byte {
	data, err := safefile.ReadTrusted(s.historyPath(lane), maxHistory)
	history, ours := bytes.CutPrefix(data, historyHead(lane))
	if err != nil || !ours {
		return nil
	}
	return history
}

// historyHead tells a lane's history from that of any other file.
func historyHead(lane string) []byte {
	sum := sha256.Sum256([]byte(lane))
	return append([]byte("sersync history 1\n"), sum[:]...)
}

// LedgerPath is the lane's ledger of what was sent (package ledger) in a state
// directory.
func LedgerPath(dir, lane string) string {
	return filepath.Join(dir, "sent-"+readable(lane)+"-"+shortHash(lane))
}

// Load returns the state of a lane. A missing file gives the zero state with
// the lane's key. Every *Error means that the file is to be treated as
// absent, and comes with a state that holds no watermark and is safe to use:
//
//   - ErrDamaged, ErrForeign, ErrNewer: the zero state;
//   - ErrFuture, ErrClockSetBack: all but the watermark is kept. What was
//     mirrored, and what may be deleted, has nothing to do with the clock.
//
// Any other error says that the clock of this host could not be read.
func (s *Store) Load(lane string) (State, error) {
	state, err := s.load(lane)
	state.History = s.loadHistory(lane)
	return state, err
}

func (s *Store) load(lane string) (State, error) {
	absent := State{Lane: lane}
	path := s.Path(lane)
	data, err := safefile.ReadTrusted(path, maxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return absent, nil
	}
	if errors.Is(err, safefile.ErrUntrusted) {
		return absent, &Error{Path: path, Kind: ErrForeign, Err: err}
	}
	if err != nil {
		return absent, &Error{Path: path, Kind: ErrDamaged, Err: err}
	}
	state, bad := decode(data)
	if bad == nil && state.Lane != lane {
		bad = &Error{Kind: ErrForeign, Detail: fmt.Sprintf("it belongs to lane %q", state.Lane)}
	}
	if bad != nil {
		bad.Path = path
		return absent, bad
	}
	now, err := s.clock()
	if err != nil {
		return absent, err
	}
	return checkClock(state, now, path)
}

// Later returns the lanes whose keys end as given and whose states were saved
// more than a second after the time given: those that ran together are saved
// together. What is not a state file is passed over.
func (s *Store) Later(suffix string, than time.Time) (lanes []string) {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return nil
	}
	for _, file := range files {
		if !strings.HasPrefix(file.Name(), "lane-") || !strings.HasSuffix(file.Name(), ".json") {
			continue
		}
		data, err := safefile.ReadTrusted(filepath.Join(s.dir, file.Name()), maxBytes)
		if err != nil {
			continue
		}
		state, bad := decode(data)
		if bad == nil && strings.HasSuffix(state.Lane, suffix) && state.Saved.Now.Sub(than) > time.Second {
			lanes = append(lanes, state.Lane)
		}
	}
	return lanes
}

// checkClock voids what a clock that went back makes worthless.
func checkClock(state State, now Clock, path string) (State, error) {
	if !now.SteppedBack(state.Saved) {
		return state, nil
	}
	detail := fmt.Sprintf("saved %s, now it is %s", state.Saved.Now.Format("2006-01-02 15:04:05"), now.Now.Format("2006-01-02 15:04:05"))
	state.Watermark = time.Time{}
	kind := ErrFuture
	if now.BootID == state.Saved.BootID || !now.Now.Before(state.Saved.Now) {
		kind = ErrClockSetBack
	}
	return state, &Error{Path: path, Kind: kind, Detail: detail}
}

// Save replaces the lane's state file; after a power loss the old one or the new one is there,
// whole. It sets Version and Saved itself, and syncs file and directory, so callers should not call
// it too often.
func (s *Store) Save(state State) error {
	if state.Lane == "" {
		return errors.New("save state: the lane has no key")
	}
	now, err := s.clock()
	if err != nil {
		return fmt.Errorf("save state of %q: %w", state.Lane, err)
	}
	state.Saved = now
	if state.Watermark.After(now.Now) {
		// The clock was set back since T was taken: what changes from now on
		// has an earlier ctime.
		state.Watermark = now.Now
	}
	data, err := encode(state)
	if err == nil {
		err = safefile.WriteAtomic(s.Path(state.Lane), data, fileMode)
	}
	if err == nil && state.History != nil {
		err = safefile.WriteAtomic(s.historyPath(state.Lane), append(historyHead(state.Lane), state.History...), fileMode)
	}
	if err != nil {
		return fmt.Errorf("save state of %q: %w", state.Lane, err)
	}
	return nil
}

// readable keeps the end of a key, which tells lanes apart, in characters that
// are plain everywhere.
func readable(key string) string {
	const longest = 60
	b := []byte(key)
	if len(b) > longest {
		b = b[len(b)-longest:]
	}
	for i, c := range b {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' {
			b[i] = '_'
		}
	}
	return string(b)
}

func shortHash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:8])
}
