package failqueue

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/safefile"
)

// scriptMode: the owner may read and run it. 2.5.4 made it 0777, so that
// anybody could put commands into what root ran.
const scriptMode = 0o700

// ErrScriptShared means that another running process keeps its fail log at
// the same path.
var ErrScriptShared = errors.New("another running sersync writes this fail log")

// Entry is one failing path as the command that would sync it.
type Entry struct {
	Remote     string // the lane's remote, as users read it: "host::module"
	WaitStatus int    // as waitpid(2) gives it, exit status times 256 (2.5.4: "#errno 3072" is exit 12)
	Dir        string // the watch root
	Argv       []string
}

// Script is the fail log: a shell script that holds a runnable command for
// every path that failed, as 2.5.4 wrote it. It is an output for people: it is
// never read back and never executed by this program. A process keeps one
// Script per path; lanes write through Lane. Safe for concurrent use.
type Script struct {
	path string // immutable; empty: nothing is written

	// writing serialises all access to the file. It is held during disk writes; mu is held together
	// with it only to copy the lanes.
	writing sync.Mutex
	claimed *os.File // the file that stands at path, locked; nil before the first claim
	written [sha256.Size]byte
	note    string

	mu    sync.Mutex
	lanes map[string]part // guarded by mu
}

// part is what one lane has in the script.
type part struct {
	entries []Entry
	rest    map[string]int // by remote: how many failing paths are not listed
}

// New creates the script at path, empty as 2.5.4 does, and takes it for this
// process. An empty path gives a Script that writes nothing.
//
// The Script is usable even if err is not nil: err then says in one line why
// nothing can be written now (a symbolic link, a directory, a foreign file, a
// directory that strangers may write to, another process), and every Update
// tries again. The program is expected to log it and go on.
func New(path string) (*Script, error) {
	s := &Script{path: path, lanes: make(map[string]part)}
	return s, s.write()
}

// Note says which file was at the path before, and was replaced without being read or run, with the
// remedy; empty if there was none that matters.
func (s *Script) Note() string {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.note
}

// Lane returns the part of the script that belongs to the lane called key.
func (s *Script) Lane(key string) *ScriptLane { return &ScriptLane{script: s, key: key} }

// Update is Lane("").Update, for a caller with a single list.
func (s *Script) Update(entries []Entry) error { return s.Lane("").Update(entries) }

// Close releases the path for another process. The script stays on disk as it is, for what it lists
// is still to be done.
func (s *Script) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.claimed == nil {
		return nil
	}
	err := s.claimed.Close()
	s.claimed = nil
	return err
}

// ScriptLane is one lane's part of a Script. Safe for concurrent use.
type ScriptLane struct {
	script *Script
	key    string
}

// Update replaces what the script holds for this lane by entries, in their order; none means that
// everything has arrived. The entries belong to the Script afterwards. The file is replaced as a
// whole, and only if its content changes: a fail log inside the watched tree settles after one
// round (2.5.4 looped for ever). Update writes to disk and syncs it: callers call it at intervals,
// and never from the goroutine that reads events.
func (l *ScriptLane) Update(entries []Entry) error {
	p := bounded(entries)
	s := l.script
	s.mu.Lock()
	if len(p.entries) == 0 && len(p.rest) == 0 {
		delete(s.lanes, l.key)
	} else {
		s.lanes[l.key] = p
	}
	s.mu.Unlock()
	return s.write()
}

// bounded keeps the first maxScriptEntries entries and counts the others.
func bounded(entries []Entry) part {
	p := part{rest: make(map[string]int)}
	for _, e := range entries {
		if len(p.entries) < maxScriptEntries && e.writable() {
			p.entries = append(p.entries, e)
			continue
		}
		p.rest[e.Remote]++
	}
	return p
}

// writable reports whether e can be a command at all. No argument of a
// process holds NUL.
func (e Entry) writable() bool {
	return len(e.Argv) > 0 && !strings.Contains(e.Dir, "\x00") &&
		!slices.ContainsFunc(e.Argv, func(a string) bool { return strings.Contains(a, "\x00") })
}

// write brings the file up to date.
func (s *Script) write() error {
	if s.path == "" {
		return nil
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	text := render(s.lanes)
	s.mu.Unlock()

	sum := sha256.Sum256(text)
	ours, err := s.look()
	if err == nil && ours && sum == s.written {
		return nil
	}
	if err == nil {
		err = safefile.WriteAtomic(s.path, text, scriptMode)
	}
	if err == nil {
		err = s.claim()
	}
	if errors.Is(err, unix.ENOENT) {
		err = fmt.Errorf("%w; create the directory, or give another path in <failLog path=\"...\">", err)
	}
	if err != nil {
		return fmt.Errorf("fail log %q: %w", s.path, err)
	}
	s.written = sum
	return nil
}

// look examines what is at the path: our own file, nothing, something to
// be replaced, or something that must not be touched.
func (s *Script) look() (ours bool, err error) {
	var st unix.Stat_t
	err = unix.Lstat(s.path, &st)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if s.claimed != nil && safefile.Same(s.claimed, st) {
		return true, nil
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return false, nil // WriteAtomic refuses it and says what is wrong
	}
	if int(st.Uid) != os.Geteuid() {
		return false, &safefile.UntrustedError{
			Path:   s.path,
			Reason: fmt.Sprintf("it belongs to user %d", st.Uid),
			Remedy: "remove it, or give another path in <failLog path=\"...\">",
		}
	}
	// A lock on a file that others can open says nothing, for they can lock it for ever. No script
	// of ours has such a mode.
	if st.Mode&0o077 == 0 {
		if err := s.checkUnused(); err != nil {
			return false, err
		}
	}
	if st.Mode&0o022 != 0 && st.Size > 0 {
		s.note = fmt.Sprintf("fail log %q: left behind with mode %04o and %d bytes of commands, as sersync 2.5.4 leaves it; "+
			"not run and replaced; start once with -r to send what it may have listed", s.path, st.Mode&0o7777, st.Size)
	}
	return false, nil
}

// checkUnused refuses a file which another process has locked.
func (s *Script) checkUnused() error {
	f, err := openLocked(s.path)
	if err == nil {
		return f.Close()
	}
	if errors.Is(err, ErrScriptShared) {
		return err
	}
	return nil // replaced or unreadable: the write will report it
}

// claim locks the file just written. The lock (flock(2)) goes with the file's
// inode, so it is taken anew after each replacement; a child inherits none.
func (s *Script) claim() error {
	f, err := openLocked(s.path)
	if err != nil {
		return err
	}
	if s.claimed != nil {
		// Nothing was written through it, so closing cannot lose anything.
		_ = s.claimed.Close()
	}
	s.claimed = f
	return nil
}

func openLocked(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = fmt.Errorf("%w; give each instance its own <failLog path>", ErrScriptShared)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
