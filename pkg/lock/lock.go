// Package lock keeps two instances from serving the same lane. A lane's lock
// is an flock(2) on a file in the state directory; the kernel releases it when
// the holder dies, however it dies, so no lock is ever stale.
//
// Acquire is called by the process that will do the work (with -d the daemon,
// not its parent) and before anything is sent or deleted.
package lock

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/safefile"
)

// fileMode keeps other users from opening the file: flock(2) needs no write
// permission, so whoever can open it can block the lane.
const fileMode = 0o600

// maxContent bounds what is read of a lock file: a pid and a quoted key.
const maxContent = 64

// Lock is a held lock. Release it once; the end of the process does so too.
type Lock struct {
	key string
	f   *os.File // closed on exec, so no child keeps the lock
}

// HeldError says who holds the lock.
type HeldError struct {
	PID    int    // 0 when it cannot be told, as across pid namespaces
	Key    string // the key that was asked for
	Ending bool   // the holder has said that it is about to end
}

// Error names the holder and the remedy.
func (e *HeldError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("another sersync already serves %q; stop it first", e.Key)
	}
	return fmt.Sprintf("another sersync (pid %d) already serves %q; stop it first, e.g. with: kill %d", e.PID, e.Key, e.PID)
}

// Acquire takes the lock for key, any string, among all processes that use the
// state directory dir. It never waits: a lock that is held, by this process or
// another one, gives a *HeldError. The directory must exist and be trusted
// (safefile.CheckDir).
func Acquire(dir, key string) (*Lock, error) {
	path := filepath.Join(dir, FileName(key))
	f, err := safefile.OpenUpdate(path, fileMode)
	if err != nil {
		return nil, fmt.Errorf("lock %q: %w", key, err)
	}
	if err := flock(f); err != nil {
		return nil, errors.Join(refusal(f, key, err), f.Close())
	}
	l := &Lock{key: key, f: f}
	l.sign()
	return l, nil
}

// FileName is the name of the lock file for key. Keys hold slashes and any
// other byte, so the name is a hash; the file's second line has the key.
func FileName(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "lane-" + hex.EncodeToString(sum[:16]) + ".lock"
}

// Key is what the lock was acquired for.
func (l *Lock) Key() string { return l.key }

// Release gives the lock up. The file stays: to remove it would let two
// processes hold locks on two files of the same name.
func (l *Lock) Release() error { return l.f.Close() }

// sign writes the holder's pid and the key, for people and for HeldError. The
// lock holds without it, so a file system that is full or read-only is no error.
func (l *Lock) sign() {
	if l.f.Truncate(0) == nil {
		_, _ = l.f.WriteAt(fmt.Appendf(nil, "%d\n%q\n", os.Getpid(), l.key), 0)
	}
}

func flock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func refusal(f *os.File, key string, err error) error {
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("lock %q: flock %s: %w; put the state directory on a local filesystem", key, f.Name(), err)
	}
	pid := kernelHolder(f)
	if pid == 0 {
		pid = signedHolder(f)
	}
	return &HeldError{PID: pid, Key: key, Ending: holderEnds(f)}
}

// kernelHolder looks the lock up in /proc/locks (proc(5)), which is right at
// any moment: between flock and sign the file still names the previous holder.
// It gives 0 where the kernel cannot say, as on btrfs, whose device numbers
// there differ from those of stat.
func kernelHolder(f *os.File) int {
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil {
		return 0
	}
	table, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0
	}
	return holderIn(string(table), fmt.Sprintf("%02x:%02x:%d", unix.Major(st.Dev), unix.Minor(st.Dev), st.Ino))
}

func holderIn(table, inode string) int {
	for line := range strings.Lines(table) {
		// "1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF"
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[1] != "FLOCK" || fields[5] != inode {
			continue
		}
		if pid, err := strconv.Atoi(fields[4]); err == nil && pid > 0 {
			return pid
		}
	}
	return 0
}

func signedHolder(f *os.File) int {
	head, err := io.ReadAll(io.NewSectionReader(f, 0, maxContent))
	if err != nil {
		return 0
	}
	first, _, _ := bytes.Cut(head, []byte("\n"))
	pid, err := strconv.Atoi(string(first))
	if err != nil || pid < 0 {
		return 0
	}
	return pid
}
