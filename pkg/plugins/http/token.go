package http

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

const maxToken = 8 << 10 // bytes

// token reads a secret from a file and again when the file changes. Safe for
// concurrent use.
type token struct {
	path string // immutable

	mu    sync.Mutex
	value string // guarded by mu, as is the stamp of the file it came from
	stamp stamp
}

// stamp identifies one version of a file.
type stamp struct {
	ino   uint64
	size  int64
	mtime time.Time
	ctime syscall.Timespec
}

// read returns the secret. It refuses a file that other users may read, as
// rsync does with its password file.
func (t *token) read() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := os.Stat(t.path)
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	now, err := checkToken(t.path, info)
	if err != nil {
		return "", err
	}
	if t.value != "" && now == t.stamp {
		return t.value, nil
	}
	value, now, err := load(t.path)
	if err != nil {
		return "", err
	}
	t.value, t.stamp = value, now
	return value, nil
}

func load(path string) (string, stamp, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", stamp{}, fmt.Errorf("token file: %w", err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", stamp{}, fmt.Errorf("token file: %w", err)
	}
	now, err := checkToken(path, info)
	if err != nil {
		return "", stamp{}, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxToken+1))
	if err != nil {
		return "", stamp{}, fmt.Errorf("token file: %w", err)
	}
	data = bytes.TrimSpace(data)
	if len(data) == 0 || len(data) > maxToken || bytes.ContainsFunc(data, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", stamp{}, fmt.Errorf("token file %s: must hold one line of printable text, at most %d bytes", path, maxToken)
	}
	return string(data), now, nil
}

func checkToken(path string, info os.FileInfo) (stamp, error) {
	sys, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok || !info.Mode().IsRegular():
		return stamp{}, fmt.Errorf("token file %s: is not a regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		return stamp{}, fmt.Errorf("token file %s: mode %04o lets other users at it; run: chmod 600 %s", path, info.Mode().Perm(), path)
	case sys.Uid != 0 && int(sys.Uid) != os.Geteuid():
		return stamp{}, fmt.Errorf("token file %s: belongs to user %d; it must belong to root or to the user that runs sersync", path, sys.Uid)
	}
	return stamp{ino: sys.Ino, size: info.Size(), mtime: info.ModTime(), ctime: sys.Ctim}, nil
}
