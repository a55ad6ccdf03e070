package rsync

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/sersync/sersync/pkg/transport"
)

// Version is the version of the rsync client on this host.
type Version struct{ Major, Minor, Patch int }

var versionLine = regexp.MustCompile(`rsync\s+version v?(\d+)\.(\d+)\.(\d+)`)

// ParseVersion reads the output of rsync --version.
func ParseVersion(text string) (Version, error) {
	m := versionLine.FindStringSubmatch(text)
	if m == nil {
		return Version{}, fmt.Errorf("rsync --version: no version in %q; is this rsync?", clip(text))
	}
	var n [3]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1])
	}
	return Version{n[0], n[1], n[2]}, nil
}

// Before tells whether v is older than the given version.
func (v Version) Before(major, minor, patch int) bool {
	if v.Major != major {
		return v.Major < major
	}
	if v.Minor != minor {
		return v.Minor < minor
	}
	return v.Patch < patch
}

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// Capabilities are what this client can be asked for; the receiver may know
// less. lost says what is done without for the client's sake.
func (v Version) Capabilities() (c transport.Capabilities, lost []string) {
	c.ConfineRoot, c.Progress = !v.Before(3, 5, 0), !v.Before(3, 1, 0)
	if v.Before(3, 1, 3) {
		c = c.Barred(transport.Nanoseconds)
		lost = append(lost, "times are compared by the second: contents rewritten within one are found by reading both copies (--checksum)")
	}
	if v.Before(3, 1, 0) {
		c = c.Barred(transport.MissingArgs)
		lost = append(lost, "deletions compare the parent directory instead of naming what is gone")
	}
	return c, lost
}
