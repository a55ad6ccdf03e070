package failqueue

import (
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
	rootStateDir  = "/var/lib/sersync"
	stateDirMode  = 0o700
	stateFileMode = 0o600

	// maxStateBytes is far above any state: it grows with the number of mounts
	// below a watch root.
	maxStateBytes = 4 << 20
)

// DefaultDir is where state is kept unless configured: /var/lib/sersync for
// root, else the user's state directory (XDG Base Directory Specification).
func DefaultDir() (string, error) {
	if os.Geteuid() == 0 {
		return rootStateDir, nil
	}
	return userStateDir()
}

func userStateDir() (string, error) {
	// The specification says that a relative value is to be ignored.
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "sersync"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return "", errors.New("no directory for the state: set HOME or XDG_STATE_HOME, or give <state dir=\"...\">")
	}
	return filepath.Join(home, ".local", "state", "sersync"), nil
}

// Store reads and writes the state files of lanes in one directory. It holds
// nothing open and is safe for concurrent use; one process per lane writes
// (package lock).
type Store struct {
	dir   string // immutable
	clock func() (Clock, error)
}

// OpenStore creates the directory if it is missing, with mode 0700, and
// refuses one into which others may write.
func OpenStore(dir string) (*Store, error) {
	if err := prepareDir(dir); err != nil {
		return nil, err
	}
	return &Store{dir: dir, clock: ReadClock}, nil
}

func prepareDir(dir string) error {
	if err := os.MkdirAll(dir, stateDirMode); err != nil {
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

// Load returns the state of a lane. A missing file gives the zero state with
// the lane's key. Every *StateError means that the file is to be treated as
// absent, and comes with a state that holds no watermark and is safe to use:
//
//   - ErrStateDamaged, ErrStateForeign, ErrStateVersion: the zero state;
//   - ErrStateFuture: only RootIdentity is kept, for it can only make the lane
//     more careful;
//   - ErrClockSetBack: all but the watermark is kept.
//
// Any other error says that the clock of this host could not be read.
func (s *Store) Load(lane string) (LaneState, error) {
	absent := LaneState{Lane: lane}
	path := s.Path(lane)
	data, err := safefile.ReadTrusted(path, maxStateBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return absent, nil
	}
	if errors.Is(err, safefile.ErrUntrusted) {
		return absent, &StateError{Path: path, Kind: ErrStateForeign, Err: err}
	}
	if err != nil {
		return absent, &StateError{Path: path, Kind: ErrStateDamaged, Err: err}
	}
	state, bad := decodeState(data)
	if bad == nil && state.Lane != lane {
		bad = &StateError{Kind: ErrStateForeign, Detail: fmt.Sprintf("it belongs to lane %q", state.Lane)}
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
		data, err := safefile.ReadTrusted(filepath.Join(s.dir, file.Name()), maxStateBytes)
		if err != nil {
			continue
		}
		state, bad := decodeState(data)
		if bad == nil && strings.HasSuffix(state.Lane, suffix) && state.Saved.Now.Sub(than) > time.Second {
			lanes = append(lanes, state.Lane)
		}
	}
	return lanes
}

// checkClock voids what a clock that went back makes worthless.
func checkClock(state LaneState, now Clock, path string) (LaneState, error) {
	if !now.SteppedBack(state.Saved) {
		return state, nil
	}
	detail := fmt.Sprintf("saved %s, now it is %s", state.Saved.Now.Format("2006-01-02 15:04:05"), now.Now.Format("2006-01-02 15:04:05"))
	if now.BootID == state.Saved.BootID || !now.Now.Before(state.Saved.Now) {
		state.Watermark = time.Time{}
		return state, &StateError{Path: path, Kind: ErrClockSetBack, Detail: detail}
	}
	careful := LaneState{Lane: state.Lane, RootIdentity: state.RootIdentity}
	return careful, &StateError{Path: path, Kind: ErrStateFuture, Detail: detail}
}

// Save replaces the lane's state file; after a power loss the old one or the
// new one is there, whole. It sets Version and Saved itself and syncs file and
// directory, so callers pace themselves.
func (s *Store) Save(state LaneState) error {
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
	data, err := encodeState(state)
	if err == nil {
		err = safefile.WriteAtomic(s.Path(state.Lane), data, stateFileMode)
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
