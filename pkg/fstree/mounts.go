package fstree

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Mount is one line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
type Mount struct {
	ID     uint64 // mount id, as statx(2) gives it
	Point  string // mount point, raw bytes, absolute
	FSType string
	Source string
	Super  string // per-superblock options
}

// Mounts is the mounts of this process, in the kernel's order.
type Mounts []Mount

// ErrMounts says that a table of mounts is not what the kernel writes.
var ErrMounts = errors.New("malformed mountinfo")

// ReadMounts reads until two readings agree: the kernel gives the table out
// page by page, so one reading can miss a mount while others come and go.
func ReadMounts() (Mounts, error) {
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
	return ParseMounts(last)
}

// ParseMounts reads the whole table. A line that cannot be parsed is an error: a mount that is
// missed would look like one that is gone.
func ParseMounts(data []byte) (Mounts, error) {
	var table Mounts
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
func parseMountLine(line string) (Mount, error) {
	fields := strings.Split(line, " ")
	sep := -1
	for i := 6; i < len(fields); i++ {
		if fields[i] == "-" {
			sep = i
			break
		}
	}
	if sep < 0 || len(fields) < sep+4 {
		return Mount{}, fmt.Errorf("%w: %q", ErrMounts, line)
	}
	id, err := strconv.ParseUint(fields[0], 10, 64)
	if err != nil || !strings.HasPrefix(fields[4], "/") {
		return Mount{}, fmt.Errorf("%w: %q", ErrMounts, line)
	}
	return Mount{
		ID:     id,
		Point:  unescape(fields[4]),
		FSType: unescape(fields[sep+1]),
		Source: unescape(fields[sep+2]),
		Super:  unescape(fields[sep+3]),
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

// Identifier is what the mount's content comes from. All overlays are mounted
// from "overlay"; the upper directory tells them apart.
func (e Mount) Identifier() string {
	if e.FSType != "overlay" {
		return e.Source
	}
	for _, key := range []string{"upperdir=", "lowerdir="} {
		for opt := range strings.SplitSeq(e.Super, ",") {
			if strings.HasPrefix(opt, key) {
				return opt
			}
		}
	}
	return e.Source
}

// At returns the mount on which the directory at the absolute path lies: the one with the longest
// mount point, and of several there the latest.
func (t Mounts) At(path string) Mount {
	var best Mount
	for _, e := range t {
		if (e.Point == "/" || path == e.Point || strings.HasPrefix(path, e.Point+"/")) && len(e.Point) >= len(best.Point) {
			best = e
		}
	}
	return best
}

// MountPoint is a place below a root with the mounts stacked on it.
type MountPoint struct {
	Rel     string // relative to the root
	Stacked []Mount
}

// Below returns the mount points strictly below the absolute path. autofs triggers are left out:
// looking into them would mount a file system.
func (t Mounts) Below(root string) []MountPoint {
	prefix := strings.TrimSuffix(root, "/") + "/"
	var points []MountPoint
	index := make(map[string]int)
	for _, e := range t {
		if !strings.HasPrefix(e.Point, prefix) || len(e.Point) == len(prefix) || e.FSType == "autofs" {
			continue
		}
		i, ok := index[e.Point]
		if !ok {
			i = len(points)
			index[e.Point] = i
			points = append(points, MountPoint{Rel: e.Point[len(prefix):]})
		}
		points[i].Stacked = append(points[i].Stacked, e)
	}
	return points
}

// Visible returns the mount which fd, opened at this mount point, lies on. ok
// is false if it is none of those listed here: another mount, over a directory
// above, hides them all.
func (p MountPoint) Visible(fd int) (Mount, bool) {
	var st unix.Statx_t
	err := unix.Statx(fd, "", unix.AT_EMPTY_PATH|unix.AT_NO_AUTOMOUNT, unix.STATX_MNT_ID, &st)
	if err != nil || st.Mask&unix.STATX_MNT_ID == 0 {
		return p.Stacked[len(p.Stacked)-1], true // before Linux 5.8 only the table tells
	}
	for _, e := range p.Stacked {
		if e.ID == st.Mnt_id {
			return e, true
		}
	}
	return Mount{}, false
}
