package brake

import (
	"fmt"
	"strconv"
	"strings"
)

// Cause is why deletions are held at a place.
type Cause string

// The causes.
const (
	Changed    Cause = "changed"    // another file system or directory is there
	Gone       Cause = "gone"       // nothing is there, or nothing is mounted there any more
	Unreadable Cause = "unreadable" // it cannot be looked at; no evidence of absence
	Empty      Cause = "empty"      // it had entries, or nothing is known of it, and it has none
	Appeared   Cause = "appeared"   // a mount that was not there before hides what it covers
)

// Hold says that nothing may be deleted at and below Path.
type Hold struct {
	Path   string // relative to the root, raw bytes; "" is the root
	Cause  Cause
	Reason string // one line, paths quoted
	Remedy string // one line
}

// Verdict is what Compare found. The zero Verdict holds nothing.
type Verdict struct {
	Held []Hold // sorted by Path, the root first
}

// OK reports whether deletions are held nowhere.
func (v Verdict) OK() bool { return len(v.Held) == 0 }

// String is reason and remedy on one line, "ok" if nothing is held.
func (v Verdict) String() string {
	if v.OK() {
		return "ok"
	}
	lines := make([]string, len(v.Held))
	for i, h := range v.Held {
		lines[i] = h.Reason + "; " + h.Remedy
	}
	return strings.Join(lines, "; ")
}

// Holds reports whether a deletion of path, relative to the root, must not be
// sent when a scan, a mirror run or a catch-up found it. It is true at and
// below a held place, and for its ancestors, whose deletion would take the
// held place along.
func (v Verdict) Holds(path string) bool {
	return v.holds(path, func(Cause) bool { return true })
}

// HoldsEvent is Holds for a deletion that was seen as an event while the place
// was watched: an empty place and a mount that appeared do not hold it.
func (v Verdict) HoldsEvent(path string) bool {
	return v.holds(path, func(c Cause) bool { return c != Empty && c != Appeared })
}

func (v Verdict) holds(path string, counts func(Cause) bool) bool {
	for _, h := range v.Held {
		if counts(h.Cause) && (covers(h.Path, path) || covers(path, h.Path)) {
			return true
		}
	}
	return false
}

// covers reports whether path is at or below dir; both are relative, "" is the
// root.
func covers(dir, path string) bool {
	if dir == "" || dir == path {
		return true
	}
	return len(path) > len(dir) && path[len(dir)] == '/' && path[:len(dir)] == dir
}

// remedy is what to do about a hold; each begins with what it means.
func (c Cause) remedy() string {
	const accept = "if it is meant to be like this, run: sersync --accept-empty LANE"
	switch c {
	case Unreadable:
		return "nothing is deleted there on the target until it can be read again"
	case Appeared:
		return "nothing that it covers is deleted on the target until it is unmounted; " + accept
	case Empty:
		return "nothing that is missing there is deleted on the target until it has entries again; " + accept
	case Changed, Gone:
	}
	return "nothing is deleted there on the target until it is back; " + accept
}

func newHold(path string, cause Cause, format string, args ...any) Hold {
	what := "the watch root"
	if path != "" {
		what = "the mount point " + strconv.Quote(path)
	}
	return Hold{Path: path, Cause: cause, Reason: what + " " + fmt.Sprintf(format, args...), Remedy: cause.remedy()}
}
