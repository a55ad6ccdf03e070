package inotify

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// limit is one file of /proc/sys/fs/inotify and what it should at least hold.
type limit struct {
	name string
	want int64
}

// limits are the values 2.5.4 writes at every start, and room for many
// localpaths. (The kernel accepts max_user_watches only up to its own bound:
// inotify(7).)
func limits() []limit {
	return []limit{{"max_user_watches", 50000000}, {"max_queued_events", 327679}, {"max_user_instances", 1024}}
}

// Limit is a kernel limit that was looked at.
type Limit struct {
	Path   string // below /proc/sys
	Want   int64  // at least
	Raised bool   // from a lower value, to Want
	Err    error  // why it could not be raised
}

// RaiseLimits raises the kernel's inotify limits where they are lower than
// 2.5.4 sets them, never lowers one, and tells for each what became of it. It
// must run before the first Watcher does: an inotify instance keeps the queue
// length that it was made with.
func RaiseLimits(log *zap.Logger) []Limit {
	return raiseLimits("/proc/sys/fs/inotify", log)
}

func raiseLimits(dir string, log *zap.Logger) []Limit {
	var out []Limit
	for _, l := range limits() {
		done := Limit{Path: filepath.Join(dir, l.name), Want: l.want}
		have, err := readLimit(done.Path)
		if err == nil && have < l.want {
			err = writeLimit(done.Path, l.want)
			done.Raised = err == nil
		}
		if done.Err = err; done.Raised {
			log.Info("kernel limit raised", zap.String("limit", l.name), zap.Int64("from", have), zap.Int64("to", l.want))
		}
		out = append(out, done)
	}
	return out
}

func readLimit(path string) (int64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(bytes.TrimSpace(data)), 10, 64)
}

// writeLimit does not create the file: a missing one means another kernel.
func writeLimit(path string, value int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strconv.FormatInt(value, 10) + "\n")
	return errors.Join(err, f.Close())
}

func initRemedy(err error) string {
	if errors.Is(err, unix.EMFILE) {
		return ": too many inotify instances or open files of this user; as root: sysctl -w fs.inotify.max_user_instances=1024, or raise ulimit -n"
	}
	return ""
}

func watchRemedy(err error) string {
	switch {
	case errors.Is(err, unix.ENOSPC):
		return ": the limit of watches is reached; as root: sysctl -w fs.inotify.max_user_watches=50000000"
	case errors.Is(err, unix.EACCES):
		return ": this user may not read the directory"
	}
	return ""
}

// WatchLimit is how many watches the kernel allows this user, 0 when that is
// unknown.
func WatchLimit() int64 {
	n, err := readLimit("/proc/sys/fs/inotify/max_user_watches")
	if err != nil {
		return 0
	}
	return n
}
