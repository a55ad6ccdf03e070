package webhook

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/sersync/sersync/pkg/safefile"
)

const maxToken = 8 << 10 // bytes

// Token reads a secret from a file and again when the file changes. Safe for
// concurrent use.
type Token struct {
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

// NewToken is the secret in the file at path. Nothing is read yet.
func NewToken(path string) *Token { return &Token{path: path} }

// Read returns the secret. It refuses a file that other users may read, as
// rsync does with its password file.
func (t *Token) Read() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := os.Stat(t.path)
	if err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	if err := safefile.CheckSecret(t.path, info); err != nil {
		return "", fmt.Errorf("token file: %w", err)
	}
	now := stampOf(info)
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
	data, info, err := safefile.ReadSecret(path, maxToken)
	if err != nil {
		return "", stamp{}, fmt.Errorf("token file: %w", err)
	}
	data = bytes.TrimSpace(data)
	if len(data) == 0 || bytes.ContainsFunc(data, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", stamp{}, fmt.Errorf("token file %s: must hold one line of printable text, at most %d bytes", path, maxToken)
	}
	return string(data), stampOf(info), nil
}

func stampOf(info os.FileInfo) stamp {
	s := stamp{size: info.Size(), mtime: info.ModTime()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.ino, s.ctime = sys.Ino, sys.Ctim
	}
	return s
}
