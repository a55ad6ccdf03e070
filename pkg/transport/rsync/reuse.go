package rsync

import "strings"

// A receiver looks below --link-dest for the path that a file has below the destination. So a run
// that links what was moved begins, on both sides, in the new directory: its list and its output
// have names relative to that.

// reuse are the options of Batch.Reuse.
func (r Run) reuse() (args []string) {
	if r.Linked {
		args = append(args, "--link-dest="+r.linkDest())
	}
	if r.Similar {
		args = append(args, "--fuzzy")
	}
	return args
}

// linkDest is the directory Of as the receiver reads it: for a daemon from the root of
// the module on, over ssh from the destination.
func (r Run) linkDest() string {
	if r.Target.SSH {
		up := ""
		if r.At != "" {
			up = strings.Repeat("../", strings.Count(r.At, "/")+1)
		}
		return up + r.Of
	}
	_, below, found := strings.Cut(strings.TrimSuffix(r.Target.Name, "/"), "/")
	if found {
		return "/" + below + "/" + r.Of
	}
	return "/" + r.Of
}

// relative is a path as the run's list has it.
func (r Run) relative(path string) string {
	if r.At == "" {
		return path
	}
	return strings.TrimPrefix(strings.TrimPrefix(path, r.At), "/")
}

// AgainstReuse is what in the parameters, or in the configuration, prevents any Reuse in runs to
// the target; empty: nothing does.
func (t Target) AgainstReuse() string {
	p := t.Params
	for _, option := range against {
		if p.has(option) {
			return option
		}
	}
	switch {
	case p.Inplace:
		return "--inplace"
	case !p.Times:
		return "no --times"
	case p.SizeOnly:
		return "--size-only"
	case p.FollowLinks:
		return "--copy-links"
	case p.Rules.Any():
		return "--exclude"
	case t.Versions.Dir != "":
		return "<backup>"
	}
	return ""
}

// Nameable tells whether a path can stand in an argument for the remote: no shell there
// takes it apart, and no daemon finds a pattern in it, or an option where it has taken the
// module from an argument, whatever their releases are.
func (t Target) Nameable(path string) bool {
	if strings.HasPrefix(path, "-") {
		return false
	}
	for i := range len(path) {
		c := path[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c >= 0x80:
		case strings.IndexByte("._/+,=@%-", c) >= 0, c == ' ' && !t.SSH:
		default:
			return false
		}
	}
	return true
}

// against are the parameters with which nothing is reused: with them files would share more than
// this program knows of, be found under other names, or be sent in any case.
var against = []string{
	"--backup", "--backup-dir", "--compare-dest", "--copy-dest", "--link-dest", "--clone-dest", "--ignore-times", "--iconv", "--keep-dirlinks",
	"--remote-option",
}
