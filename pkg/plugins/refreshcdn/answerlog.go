package refreshcdn

import (
	"fmt"
	"sync"

	"github.com/sersync/sersync/pkg/safefile"
)

const (
	// maxWrites and maxSize empty the log: 2.5.4 does so at every 1001st
	// write, and knows no size.
	maxWrites = 1000
	maxSize   = 4 << 20 // bytes
	logMode   = 0o600
)

// answerLog is errorlog.txt. It is opened for every write, so that it may be
// moved away at any time. Safe for concurrent use.
type answerLog struct {
	path string // immutable

	mu     sync.Mutex
	writes int
}

func (l *answerLog) write(entry string) (err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, err := safefile.OpenAppend(l.path, logMode)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	l.writes++
	if l.writes > maxWrites || info.Size()+int64(len(entry)) > maxSize {
		if err := f.Truncate(0); err != nil {
			return fmt.Errorf("empty %s: %w", l.path, err)
		}
		l.writes = 1
	}
	_, err = f.WriteString(entry)
	return err
}
