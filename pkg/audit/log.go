// Package audit keeps the log of what was deleted on remotes: which path, of which lane, when and
// why. The log is for people: syncing does not depend on it. The status shows its newest lines.
package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/safefile"
)

const (
	fileName = "deletions.log"
	fileMode = 0o600
	// maxBytes and the one old file bound the audit log to some 64 MiB,
	// about 300,000 deletions of usual paths in either file.
	maxBytes = 32 << 20
)

// Cause is why a path was deleted on a remote.
type Cause string

// The causes of deletions.
const (
	CauseEvent   Cause = "event"    // seen on this host while watching
	CauseMirror  Cause = "mirror"   // -r, crontab or --resync
	CauseCatchUp Cause = "catch-up" // found by a catch-up or an automatic full sync
	CauseKeep    Cause = "versions" // an old version whose time (keep=) is over
	CauseVerify  Cause = "verify"   // found by a scheduled comparison that repairs
)

// Deletion is one line of the audit log.
type Deletion struct {
	Time  time.Time
	Lane  string // raw bytes
	Cause Cause
	Path  string // relative to the watch root, raw bytes
}

// Log is the log of deletions in the state directory: append-only, mode
// 0600, one line each with all names quoted in ASCII, rotated once. Several
// processes may share it. Safe for concurrent use.
type Log struct {
	path string
	max  int64

	// mu serialises writes to the file. Nothing else takes it, so that only writers wait for the
	// disk.
	mu   sync.Mutex
	file *os.File // guarded by mu; nil after Close
}

// Open opens the audit log in dir, which has to be there. Links, foreign files
// and untrusted directories are refused.
func Open(dir string) (*Log, error) {
	a := &Log{path: filepath.Join(dir, fileName), max: maxBytes}
	f, err := safefile.OpenAppend(a.path, fileMode)
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	a.file = f
	return a, nil
}

// Record appends the deletions in one write. When it returns the kernel has them, but they need not
// be on the disk yet. A failure to write is an error for the log; it must not keep deletions back.
func (a *Log) Record(deletions ...Deletion) error {
	if len(deletions) == 0 {
		return nil
	}
	var b strings.Builder
	for _, d := range deletions {
		fmt.Fprintf(&b, "%s lane=%s cause=%s path=%s\n", d.Time.UTC().Format("2006-01-02T15:04:05.000Z"),
			strconv.QuoteToASCII(d.Lane), strconv.QuoteToASCII(string(d.Cause)), strconv.QuoteToASCII(d.Path))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == nil {
		return fmt.Errorf("audit log %q: %w", a.path, os.ErrClosed)
	}
	if err := a.makeRoomLocked(int64(b.Len())); err != nil {
		return fmt.Errorf("audit log %q: %w", a.path, err)
	}
	if _, err := a.file.WriteString(b.String()); err != nil {
		return fmt.Errorf("audit log %q: %w", a.path, err)
	}
	return nil
}

// makeRoomLocked rotates when n more bytes would be too many, and reopens when
// another process has rotated or somebody removed the file.
func (a *Log) makeRoomLocked(n int64) error {
	var at unix.Stat_t
	err := unix.Lstat(a.path, &at)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	if err != nil || !safefile.Same(a.file, at) {
		return a.reopenLocked()
	}
	if at.Size == 0 || at.Size+n <= a.max {
		return nil
	}
	// Of two processes that come here at once, the second must not rotate the
	// new file over the old one: the lock goes with the file, not its name.
	if err := unix.Flock(int(a.file.Fd()), unix.LOCK_EX); err != nil {
		return err
	}
	if err := unix.Lstat(a.path, &at); err == nil && safefile.Same(a.file, at) {
		if err := safefile.Rename(a.path, fileName+".1"); err != nil {
			return err
		}
	}
	return a.reopenLocked() // closing the old file ends the lock
}

func (a *Log) reopenLocked() error {
	f, err := safefile.OpenAppend(a.path, fileMode)
	if err != nil {
		return err
	}
	err = a.file.Close()
	a.file = f
	return err
}

// Close syncs and closes the log.
func (a *Log) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file == nil {
		return nil
	}
	err := errors.Join(a.file.Sync(), a.file.Close())
	a.file = nil
	return err
}
