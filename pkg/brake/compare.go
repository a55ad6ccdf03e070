package brake

import (
	"slices"
	"strings"
)

// Compare tells what must be held now, given what is remembered.
//
//   - Nothing remembered: everything is taken as it stands, except that a
//     place that is gone, unreadable or a root that is empty is held: it may
//     be a disk that has yet to be mounted (-r at boot).
//   - The root gone, another one, or unreadable: the whole tree is held.
//   - A mount gone, another one, or unreadable: it is held, the rest goes on.
//   - A place without entries (lost+found aside) that had some: held for
//     scans, see HoldsEvent.
//   - A mount that was not there: held for scans, for it hides what was there.
func Compare(old, now Identity) Verdict {
	var v Verdict
	if h, held := compareRoot(old, now); held {
		v.Held = append(v.Held, h)
		if h.Cause == Gone {
			return v // there are no mounts below nothing
		}
	}
	remembered := make(map[RawPath]Place, len(old.Mounts))
	for _, m := range old.Mounts {
		remembered[m.Path] = m.Place
	}
	for _, m := range now.Mounts {
		before, known := remembered[m.Path]
		delete(remembered, m.Path)
		if h, held := compareMount(string(m.Path), before, m.Place, known, old.IsZero()); held {
			v.Held = append(v.Held, h)
		}
	}
	for _, m := range old.Mounts {
		if _, missing := remembered[m.Path]; missing {
			v.Held = append(v.Held, newHold(string(m.Path), Gone, "has no file system mounted on it any more (%s before)", m.Place.Type))
		}
	}
	slices.SortFunc(v.Held, func(a, b Hold) int { return strings.Compare(a.Path, b.Path) })
	return v
}

func compareRoot(old, now Identity) (Hold, bool) {
	switch p := now.Root; {
	case p.Problem == gone:
		return newHold("", Gone, "does not exist"), true
	case p.Problem != "":
		return newHold("", Unreadable, "cannot be read (%s)", p.Problem), true
	case old.IsZero() && p.Entries == 0:
		return newHold("", Empty, "is empty, and nothing is known of an earlier run"), true
	case old.IsZero():
		return Hold{}, false
	}
	if why := differs(old.Root, now.Root); why != "" {
		return newHold("", Changed, "is not the one that was mirrored before: %s", why), true
	}
	if now.Root.Entries == 0 && old.Root.Entries > 0 {
		return newHold("", Empty, "is empty and had entries before"), true
	}
	return Hold{}, false
}

func compareMount(path string, old, now Place, known, first bool) (Hold, bool) {
	switch {
	case now.Problem != "":
		return newHold(path, Unreadable, "cannot be read (%s)", now.Problem), true
	case first:
		return Hold{}, false
	case !known:
		return newHold(path, Appeared, "has a file system (%s) mounted on it that was not there before", now.Type), true
	}
	if why := differs(old, now); why != "" {
		return newHold(path, Changed, "has another file system mounted on it than before: %s", why), true
	}
	if now.Entries == 0 && old.Entries > 0 {
		return newHold(path, Empty, "is empty and had entries before"), true
	}
	return Hold{}, false
}

// Accept carries out the operator's decision that the present state is the one to mirror: the
// result is what to remember from now on. A place that cannot be examined is not remembered. So a
// root that is gone stays held: the result is then the zero Identity.
func Accept(now Identity) Identity {
	if now.Root.Problem != "" {
		return Identity{}
	}
	accepted := Identity{Root: now.Root}
	for _, m := range now.Mounts {
		if m.Place.Problem == "" {
			accepted.Mounts = append(accepted.Mounts, m)
		}
	}
	return accepted
}

// Recreated takes a directory that was made anew at the root's path for the one that is remembered,
// where both are on one file system. It returns what counts as remembered, and whether the
// directory is another one. A disk that is not mounted still counts as a difference, for its empty
// mount point is on another file system.
func Recreated(old, now Identity) (Identity, bool) {
	if old.IsZero() || now.Root.Problem != "" || differs(old.Root, now.Root) == "" {
		return old, false
	}
	renewed := old
	renewed.Root.Ino, renewed.Root.Born = now.Root.Ino, now.Root.Born
	if differs(renewed.Root, now.Root) != "" {
		return old, false
	}
	return renewed, true
}

// Follow returns what to remember after now was seen: of a place that is not held its present
// state, of a held place the old one. watched says that every change since old was seen as an
// event; then a place that was emptied is remembered as empty, because somebody has emptied it on
// purpose. Without watched a place that had entries is never remembered as empty.
func Follow(old, now Identity, watched bool) Identity {
	watched = watched && !old.IsZero() // where nothing is remembered, nothing was watched either
	v := Compare(old, now)
	causes := make(map[string]Cause, len(v.Held))
	for _, h := range v.Held {
		causes[h.Path] = h.Cause
	}
	keep := func(path string) bool {
		c, held := causes[path]
		return held && !(c == Empty && watched)
	}
	if keep("") {
		return old
	}
	next := Identity{Root: now.Root}
	for _, m := range old.Mounts {
		if keep(string(m.Path)) {
			next.Mounts = append(next.Mounts, m)
		}
	}
	for _, m := range now.Mounts {
		if !keep(string(m.Path)) {
			next.Mounts = append(next.Mounts, m)
		}
	}
	sortMounts(next.Mounts)
	return next
}
