package rsync

import (
	"strconv"
	"strings"

	"github.com/sersync/sersync/pkg/transport"
)

// Run is one run of rsync: a batch, and the way to its target.
type Run struct {
	transport.Batch
	Target Target
	// Confine is the directory that --confine-root names; the password then
	// comes through the environment. Empty: none. See Confinable.
	Confine string
	// RemoteShell replaces ssh; empty: plain ssh.
	RemoteShell string
	// Scratch is the absolute path of the directory that a run of Stamps brings times
	// to.
	Scratch string
}

// OutFormat is the line that rsync prints for each change: what, size, name.
const OutFormat = "%i %l %n"

// timesFormat asks for the modification time between size and name.
const timesFormat = "%i %l %M %n"

// Args is the argument vector after the program's name, for a working
// directory at the watch root. The list of names goes to standard input.
func (r Run) Args() []string {
	var args []string
	if r.Pulls() {
		return r.pull()
	}
	if r.RootAlone {
		args = append(args, "--exclude=/*") // before the user's own rules: the first that matches counts
	}
	switch {
	case r.Kind == transport.Delete && r.patterns():
		// An include among the user's own rules would have the run compare, and
		// delete, what no list names.
		args = append(args, r.Target.Params.WithoutRules()...)
	case r.LiftUpdate:
		args = append(args, r.Target.Params.WithoutUpdate()...)
	default:
		args = append(args, r.Target.Params.Args()...)
	}
	if r.Kind != transport.Full && r.Kind != transport.Survey {
		// It comes after the user's pattern files, which have lines, and before our list: it
		// applies to every file that is named after it.
		args = append(args, "--from0")
	}
	args = append(args, "-R", "--no-motd", "--out-format="+OutFormat)
	if r.Progress && r.Caps.Progress {
		args = append(args, "--info=progress2")
	}
	if r.keeps() {
		args = append(args, r.Target.Versions.args()...)
	}
	args = append(args, r.comparison()...)
	args = append(args, r.transport()...)
	for _, dir := range r.Hidden { // before the patterns: the first rule that matches counts
		pattern := "/" + escape(dir, false) + "/"
		args = append(args, "--filter=H "+pattern, "--filter=P "+pattern)
	}
	var excludes []string
	for _, e := range r.Excludes {
		excludes = append(excludes, "--exclude="+e)
	}
	if r.patterns() {
		args, excludes = append(args, excludes...), nil // as with Hidden
	}
	args = append(args, r.selection()...)
	if r.Confine != "" {
		args = append(args, "--confine-root="+r.Confine)
	}
	args = append(args, excludes...)
	if r.has(transport.Elsewhere) {
		args = append(args, r.reuse()...)
	}
	if r.At == "" {
		return append(args, "./", r.Target.Into())
	}
	return append(args, "./"+r.At+"/", strings.TrimSuffix(r.Target.Into(), "/")+"/"+r.At+"/")
}

// Pulls tells whether the run brings something from the remote here.
func (r Run) Pulls() bool { return r.Kind == transport.Times || r.Kind == transport.Stamps }

// nowhere is a directory that cannot exist.
const nowhere = "/proc/self/none/"

// pull is the argument vector of a run from the remote to the working directory.
func (r Run) pull() []string {
	args := []string{"--from0"}
	args = append(args, r.Target.Params.Connection()...)
	args = append(args, r.transport()...)
	into := "./"
	if r.Kind == transport.Stamps {
		into = nowhere // the working directory stays: the user's parameters may name files from there
		if r.Scratch != "" {
			into = r.Scratch + "/"
		}
		args = append(args, "--existing", "--size-only", "--omit-dir-times")
		if r.MaxSize > 0 {
			args = append(args, "--max-size="+strconv.FormatInt(r.MaxSize, 10))
		}
	} else {
		args = append(args, "-n", "-ii")
		if r.Caps.ComparesNanoseconds() { // the comparison is made here, so that the remote need not know the option
			args = append(args, "--modify-window=-1")
		}
	}
	return append(args, "-t", "-R", "--no-motd", "--out-format="+timesFormat, "--files-from=-",
		strings.TrimSuffix(r.Target.Dest(), "/")+"/", into)
}

// patterns tells whether the list is one of include patterns.
func (r Run) patterns() bool {
	return r.Kind == transport.SurveyGone || r.Kind == transport.Delete && !r.has(transport.MissingArgs)
}

// compares tells whether the run deletes what it finds missing here by a comparison. rsync leaves
// out all deletions of such a run when something here could not be read.
func (r Run) compares() bool {
	return r.Kind == transport.Tree && r.DeleteInside || r.Kind == transport.Delete && r.patterns()
}
