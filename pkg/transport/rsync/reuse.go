package rsync

import (
	"slices"
	"strings"
	"unicode"

	"github.com/sersync/sersync/pkg/rsyncopts"
)

// A receiver looks below --link-dest for the path that a file has below the destination. So a run
// that links what was moved begins, on both sides, in the new directory: its list and its output
// have names relative to that.

// reuse are the options of Batch.Reuse.
func (r Run) reuse() (args []string) {
	if r.Linked && r.Target.apart(r.Of, r.At) {
		args = append(args, "-s") // every release knows the letter, and its long name is not the same in all
	}
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

// Reuses tells whether a run may begin in the directory at, and link what the directory of holds:
// no receiver takes their names for something else, whatever its release is. The root is "".
func (t Target) Reuses(of, at string) bool {
	module, _, _ := strings.Cut(t.Name, "/")
	switch {
	case strings.HasPrefix(of, "-") || strings.HasPrefix(at, "-"): // a daemon may read an option
		return false
	case strings.ContainsFunc(of+at, unicode.IsControl):
		return false
	case strings.ContainsAny(at, "*?["): // rsync itself looks for what such a target matches
		return false
	case !t.SSH && strings.Contains(at+"/", " "+module+"/"): // an old daemon takes it for two targets
		return false
	case !t.apart(of, at):
		return true
	case t.Params.has("--no-secluded-args"):
		return false
	default:
		return !t.SSH || plain(t.Name) && !t.Params.shelled()
	}
}

// apart tells whether the names have to go to the remote apart from its command line (-s). Otherwise
// the client escapes some of their characters for a remote shell; with a daemon there is none, and
// those before 3.4.4 keep the backslashes. A client before 3.2.4 escapes nothing.
func (t Target) apart(of, at string) bool { return !plain(of) || t.SSH && !plain(at) }

// plain tells whether a shell takes a text as it is, and no rsync escapes it.
func plain(text string) bool {
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c >= 0x80, strings.IndexByte("._/+,=@%-", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// shelled tells whether a remote shell may change a value of the parameters, such as ~ in a
// --temp-dir, which it does not see in a run with -s.
func (p Params) shelled() bool {
	given, err := rsyncopts.Parse(p.args)
	return err != nil || slices.ContainsFunc(given, func(g rsyncopts.Given) bool {
		return g.Option != nil && !connects[g.Option.Name] && !plain(g.Value)
	})
}

// against are the parameters with which nothing is reused: with them files would share more than
// this program knows of, be found under other names, or be sent in any case.
var against = []string{
	"--backup", "--backup-dir", "--compare-dest", "--copy-dest", "--link-dest", "--clone-dest", "--ignore-times", "--iconv", "--keep-dirlinks",
	"--remote-option",
}
