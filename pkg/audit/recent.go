package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// recentBytes is how much of the end of the log Recent reads.
const recentBytes = 256 << 10

// Recent returns at most limit deletions of a lane, newest first, from the end of
// the log. Of a log that was rotated a moment ago the old file is read, too.
func (a *Log) Recent(lane string, limit int) ([]Deletion, error) {
	var list []Deletion
	for _, path := range []string{a.path, a.path + ".1"} {
		text, whole, err := end(path)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("audit log %q: %w", path, err)
		}
		for len(text) > 0 && len(list) < limit {
			start := bytes.LastIndexByte(text[:len(text)-1], '\n') + 1
			if d, ok := parse(string(text[start:])); ok && d.Lane == lane {
				list = append(list, d)
			}
			text = text[:start]
		}
		if !whole || len(list) >= limit {
			break
		}
	}
	return list, nil
}

// end is the last recentBytes of a file, from the beginning of a line on; whole
// says that this is all of it.
func end(path string) (text []byte, whole bool, err error) {
	// The directory is trusted (package safefile); what is read is only shown.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, false, err
	}
	defer f.Close() //nolint:errcheck // only read
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, false, err
	}
	from := max(0, size-recentBytes)
	text = make([]byte, size-from)
	n, err := f.ReadAt(text, from)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	text = text[:n]
	if from > 0 {
		text = text[bytes.IndexByte(text, '\n')+1:]
	}
	return text, from == 0, nil
}

// parse reads a line of Record.
func parse(line string) (d Deletion, ok bool) {
	stamp, rest, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	at, err := time.Parse("2006-01-02T15:04:05.000Z", stamp)
	if !ok || err != nil {
		return d, false
	}
	values := map[string]string{}
	for rest != "" {
		name, value, found := strings.Cut(rest, "=")
		quoted, err := strconv.QuotedPrefix(value)
		if !found || err != nil {
			return d, false
		}
		if values[name], err = strconv.Unquote(quoted); err != nil {
			return d, false
		}
		rest = strings.TrimPrefix(value[len(quoted):], " ")
	}
	return Deletion{Time: at, Lane: values["lane"], Cause: Cause(values["cause"]), Path: values["path"]}, true
}
