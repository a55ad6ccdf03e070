package convergence

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func (w *writer) chmod() (string, []string, error) {
	p := w.any()
	bits := []uint32{0o600, 0o640, 0o644, 0o755, 0o2755, 0o1777, 0o444, 0o700}
	mode := bits[w.rnd.IntN(len(bits))]
	var st unix.Stat_t
	if err := unix.Lstat(w.full(p), &st); err != nil || st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return "", nil, os.ErrInvalid
	}
	return fmt.Sprintf("chmod %o %q", mode, p), []string{p}, unix.Chmod(w.full(p), mode)
}

func (w *writer) chown() (string, []string, error) {
	p := w.any()
	uid, gid := w.rnd.IntN(3)*1000, w.rnd.IntN(3)*1000
	return fmt.Sprintf("chown %d:%d %q", uid, gid, p), []string{p}, os.Lchown(w.full(p), uid, gid)
}

func (w *writer) truncate() (string, []string, error) {
	p, size := w.file(), w.rnd.Int64N(2000)
	if info, err := os.Lstat(w.full(p)); err != nil || !info.Mode().IsRegular() {
		return "", nil, os.ErrInvalid
	}
	return fmt.Sprintf("truncate %q %d", p, size), []string{p}, unix.Truncate(w.full(p), size)
}

// touch sets the times to now: with -u an older time would not be transferred.
func (w *writer) touch() (string, []string, error) {
	p := w.file()
	now := unix.NsecToTimespec(time.Now().UnixNano())
	err := unix.UtimesNanoAt(unix.AT_FDCWD, w.full(p), []unix.Timespec{now, now}, unix.AT_SYMLINK_NOFOLLOW)
	return fmt.Sprintf("touch %q", p), []string{p}, err
}
