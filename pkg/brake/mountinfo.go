package brake

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mountEntry is one line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
type mountEntry struct {
	id     uint64 // mount id, as statx(2) gives it
	point  string // mount point, raw bytes, absolute
	fsType string
	source string
	super  string // per-superblock options
}

// mountTable is the mounts of this process, in the kernel's order.
type mountTable []mountEntry

var errMountInfo = errors.New("malformed mountinfo")

// readMountInfo reads until two readings agree: the kernel gives the table out
// page by page, so one reading can miss a mount while others come and go.
func readMountInfo() (mountTable, error) {
	const tries = 5
	var last []byte
	for range tries {
		data, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			return nil, err
		}
		if last != nil && bytes.Equal(last, data) {
			break
		}
		last = data
	}
	return parseMountInfo(last)
}

// parseMountInfo reads the whole table. A line that does not parse is an
// error: a mount that is overlooked would look like one that is gone.
func parseMountInfo(data []byte) (mountTable, error) {
	var table mountTable
	for len(data) > 0 {
		line, rest, _ := bytes.Cut(data, []byte("\n"))
		data = rest
		entry, err := parseMountLine(string(line))
		if err != nil {
			return nil, err
		}
		table = append(table, entry)
	}
	return table, nil
}

// parseMountLine reads "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3
// /dev/root rw,errors=continue": the optional fields end at a single hyphen.
func parseMountLine(line string) (mountEntry, error) {
	fields := strings.Split(line, " ")
	sep := -1
	for i := 6; i < len(fields); i++ {
		if fields[i] == "-" {
			sep = i
			break
		}
	}
	if sep < 0 || len(fields) < sep+4 {
		return mountEntry{}, fmt.Errorf("%w: %q", errMountInfo, line)
	}
	id, err := strconv.ParseUint(fields[0], 10, 64)
	if err != nil || !strings.HasPrefix(fields[4], "/") {
		return mountEntry{}, fmt.Errorf("%w: %q", errMountInfo, line)
	}
	return mountEntry{
		id:     id,
		point:  unescape(fields[4]),
		fsType: unescape(fields[sep+1]),
		source: unescape(fields[sep+2]),
		super:  unescape(fields[sep+3]),
	}, nil
}

// unescape decodes \ooo, which the kernel writes for blank, tab, newline,
// backslash and '#' (seq_path, mangle). Anything else stays as it is.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// identifier is what the mount's content comes from. All overlays are mounted
// from "overlay"; the upper directory tells them apart.
func (e mountEntry) identifier() string {
	if e.fsType != "overlay" {
		return e.source
	}
	for _, key := range []string{"upperdir=", "lowerdir="} {
		for opt := range strings.SplitSeq(e.super, ",") {
			if strings.HasPrefix(opt, key) {
				return opt
			}
		}
	}
	return e.source
}

// at returns the mount on which the directory at the absolute path lies: the
// longest mount point, the latest of those.
func (t mountTable) at(path string) mountEntry {
	var best mountEntry
	for _, e := range t {
		if (e.point == "/" || covers(e.point, path)) && len(e.point) >= len(best.point) {
			best = e
		}
	}
	return best
}

// mountPoint is a place below a root with the mounts stacked on it.
type mountPoint struct {
	rel     string // relative to the root
	entries []mountEntry
}

// below returns the mount points strictly below the absolute path. autofs
// triggers are left out: looking into them would mount what they wait for.
func (t mountTable) below(root string) []mountPoint {
	prefix := strings.TrimSuffix(root, "/") + "/"
	var points []mountPoint
	index := make(map[string]int)
	for _, e := range t {
		if !strings.HasPrefix(e.point, prefix) || len(e.point) == len(prefix) || e.fsType == "autofs" {
			continue
		}
		i, ok := index[e.point]
		if !ok {
			i = len(points)
			index[e.point] = i
			points = append(points, mountPoint{rel: e.point[len(prefix):]})
		}
		points[i].entries = append(points[i].entries, e)
	}
	return points
}

// visible returns the mount which fd, opened at this mount point, lies on. ok
// is false if it is none of those listed here: another mount, over a directory
// above, hides them all.
func (p mountPoint) visible(fd int) (mountEntry, bool) {
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_NO_AUTOMOUNT, unix.STATX_MNT_ID, &st)
	if err != nil || st.Mask&unix.STATX_MNT_ID == 0 {
		return p.entries[len(p.entries)-1], true // before Linux 5.8: believe the table
	}
	for _, e := range p.entries {
		if e.id == st.Mnt_id {
			return e, true
		}
	}
	return mountEntry{}, false
}
