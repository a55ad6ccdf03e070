package logging

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/safefile"
)

const (
	newFileMode = 0o640
	newDirMode  = 0o750

	// rotatedStamp stands between the stem and the extension of a rotated file's
	// name: sersync-2026-01-31T15-04-05.000.log.
	rotatedStamp = "2006-01-02T15-04-05.000"
)

// logFile appends to the file at path and rotates it. The file is opened and
// renamed by the rules of package safefile only: where others may write to its
// directory, a planted link or fifo is refused and not touched. Safe for
// concurrent use.
type logFile struct {
	path     string
	max      int64         // bytes; a longer file is rotated
	backups  int           // rotated files to keep
	age      time.Duration // how long rotated files are kept; 0: no limit
	standard *os.File      // gets the entries while the file cannot be used

	mu      sync.Mutex
	file    *os.File // nil while closed
	size    int64
	refused bool // standard has been told why the file cannot be used
}

// openFile opens the log file that cfg names, and creates it and its directory.
func openFile(cfg confxml.Log, standard *os.File) (*logFile, error) {
	if err := os.MkdirAll(filepath.Dir(cfg.File), newDirMode); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	f := &logFile{
		path: cfg.File, max: int64(cfg.MaxSizeMB) << 20, backups: cfg.MaxBackups,
		age: time.Duration(cfg.MaxAgeDays) * 24 * time.Hour, standard: standard,
	}
	if f.max <= 0 {
		f.max = defaultMaxSizeMB << 20
	}
	if f.backups <= 0 {
		f.backups = defaultMaxBackups
	}
	if err := f.openLocked(newFileMode); err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return f, nil
}

// Write implements io.Writer. An entry that finds no file goes to standard
// error: the file may have been refused when it was opened again.
func (f *logFile) Write(entry []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.makeRoomLocked(int64(len(entry))); err != nil {
		return f.writeElsewhereLocked(entry, err)
	}
	f.refused = false
	n, err := f.file.Write(entry)
	f.size += int64(n)
	return n, err
}

func (f *logFile) writeElsewhereLocked(entry []byte, why error) (int, error) {
	if !f.refused {
		f.refused = true
		_, _ = fmt.Fprintf(f.standard, "sersync: log goes to standard error: %v; %s\n", why, fileRemedy)
	}
	return f.standard.Write(entry)
}

// makeRoomLocked makes sure that the file is open, and rotates it first when n more bytes would be
// too many.
func (f *logFile) makeRoomLocked(n int64) error {
	if f.file == nil {
		if err := f.openLocked(newFileMode); err != nil {
			return err
		}
	}
	if f.size+n <= f.max || f.size == 0 {
		return nil
	}
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	if f.size = info.Size(); f.size+n <= f.max {
		return nil // somebody has emptied it (logrotate's copytruncate)
	}
	return f.rotateLocked(info.Mode().Perm())
}

// rotateLocked gives the file its rotated name and begins a new one with the
// same mode.
func (f *logFile) rotateLocked(mode os.FileMode) error {
	stem, ext := f.nameParts()
	rotated := stem + time.Now().Format(rotatedStamp) + ext
	if err := safefile.Rename(f.path, rotated); err != nil {
		return err
	}
	if err := f.closeLocked(); err != nil {
		return err
	}
	if err := f.openLocked(mode); err != nil {
		return err
	}
	f.removeOldLocked()
	return nil
}

func (f *logFile) openLocked(mode os.FileMode) error {
	file, err := safefile.OpenAppend(f.path, mode)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	f.file, f.size = file, info.Size()
	return nil
}

// removeOldLocked removes the rotated files that are too many or too old. One
// that cannot be removed is tried again at the next rotation.
func (f *logFile) removeOldLocked() {
	stem, ext := f.nameParts()
	entries, err := os.ReadDir(filepath.Dir(f.path))
	if err != nil {
		return
	}
	type rotated struct {
		name string
		at   time.Time
	}
	var old []rotated
	for _, e := range entries {
		stamp, isStem := strings.CutPrefix(e.Name(), stem)
		stamp, isExt := strings.CutSuffix(stamp, ext)
		at, err := time.ParseInLocation(rotatedStamp, stamp, time.Local)
		if isStem && isExt && err == nil {
			old = append(old, rotated{e.Name(), at})
		}
	}
	slices.SortFunc(old, func(a, b rotated) int { return cmp.Compare(b.at.UnixNano(), a.at.UnixNano()) })
	for i, r := range old {
		if i >= f.backups || f.age > 0 && time.Since(r.at) > f.age {
			_ = safefile.Remove(filepath.Join(filepath.Dir(f.path), r.name))
		}
	}
}

// nameParts are what stands before and after the time in a rotated file's name.
func (f *logFile) nameParts() (stem, ext string) {
	name := filepath.Base(f.path)
	ext = filepath.Ext(name)
	return strings.TrimSuffix(name, ext) + "-", ext
}

// close closes the file; a later entry opens it again.
func (f *logFile) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closeLocked()
}

func (f *logFile) closeLocked() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file, f.size = nil, 0
	return err
}
