package rsync

import (
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/transport"
)

// reading is a result that is being derived from what rsync has said.
type reading struct {
	transport.Result
	Ended
	// explained: a complaint that is no failure says why the status is not 0.
	explained bool
}

func newReading(e Ended) *reading {
	return &reading{Ended: e, Result: transport.Result{
		Exit: e.Exit, WaitStatus: e.WaitStatus, Inactive: e.Silence != child.None, Took: e.Took, Unwanted: e.Unwanted, Unnamed: e.Unnamed,
	}}
}

// Classify tells what the end of a run means. root is the run's working directory, under which the
// sender names its files; skipped are the listed names that the receiver has skipped.
func Classify(run Run, root string, e Ended, skipped []string) transport.Result {
	r := classify(run, root, e, skipped)
	if run.compares() {
		for _, e := range slices.Concat(r.Failed, r.Races, r.Dangling) {
			if !e.Remote {
				r.Withheld = append(r.Withheld, e)
			}
		}
	}
	return r
}

func classify(run Run, root string, e Ended, skipped []string) transport.Result {
	e.Stderr = strings.ReplaceAll(strings.TrimRight(e.Stderr, "\r"), "\r\n", "\n") // of a remote shell
	r := newReading(e)
	r.Added, r.Spared = run.options()
	k, t := run.Kind, run.Target
	if r.Inactive {
		r.Class, r.Reason = transport.Trouble, "the remote accepted and then moved nothing"
		r.Remedy = t.fill("see whether the rsync daemon on {host} is frozen or the link drops packets", nil)
		switch e.Silence {
		case child.None, child.Inactive:
		case child.Stuck:
			// One of the paths is the cause: it is looked for as where a run breaks off.
			line, _, _ := strings.Cut(e.Stderr, "\n")
			r.Broken, r.Detail = true, clip(line)
			r.Reason = "rsync could not open a file with several names (-H), and then waited for ever"
			r.Remedy = "let the user that runs sersync read the file, or exclude it; if it was removed meanwhile nothing has to be done"
		case child.Opening:
			r.Reason, r.Remedy = "rsync waited in vain for a file of this host to open", "see whether all file systems below the watch root answer (NFS, FUSE)"
		}
		return r.Result
	}
	r.read(run, root)
	switch {
	case e.Exit == 0 && len(skipped) > 0 && (k == transport.Delete || k == transport.Tree):
		r.Class, r.Missing = transport.Refused, transport.MissingDeleteArgs
	case e.Exit == 0 && !r.Unclear && len(r.Failed) == 0:
		r.Class = transport.Done
	case e.Exit == 25:
		r.Unclear = true // --max-delete: something was not deleted, and rsync does not say what
		r.partial(t)
	case e.Exit == 23 && !r.explains():
		r.Unclear = true
		r.Reason = "rsync says that not everything was transferred, but not what is missing"
		r.partial(t)
	case e.Exit == 0, e.Exit == 23, e.Exit == 24:
		r.partial(t)
	default:
		r.whole(run)
	}
	return r.Result
}

// explains tells whether anything that was read explains an exit status of 23.
func (r *reading) explains() bool {
	return r.explained || r.Unclear || len(r.Failed)+len(r.Races)+len(r.Dangling)+len(r.Ended.Unwanted) > 0
}

// read sorts the lines of standard error.
func (r *reading) read(run Run, root string) {
	r.Unclear = r.Truncated
	for line := range strings.SplitSeq(r.Stderr, "\n") {
		switch {
		case strings.HasPrefix(line, noReferent):
			name := unescape(strings.Trim(strings.TrimPrefix(line, noReferent), `"`))
			e := transport.PathError{Errno: syscall.ENOENT, Text: line, Changed: true}
			e.Path, e.Elsewhere = under(name, root)
			r.Dangling = append(r.Dangling, e)
		case strings.HasPrefix(line, vanished):
			name := strings.TrimSuffix(strings.TrimPrefix(line, vanished+`"`), `"`)
			path, _ := under(unescape(name), root)
			r.Vanished = append(r.Vanished, strings.TrimPrefix(path, "./"))
		case line == "", startsWith(line, chatter):
		case finish.MatchString(line):
			r.verdict(finish.FindStringSubmatch(line)[1], line)
		default:
			r.line(run, root, line)
		}
	}
}

// verdict takes the exit status from rsync's own message. A program around rsync can hide the exit
// status of a run that broke off: then the status says nothing.
func (r *reading) verdict(code, line string) {
	switch code {
	case "23", "24", "25":
		return
	}
	if r.Exit == 0 || r.Exit == 23 || r.Exit == 24 {
		r.Unclear = true
		r.Reason, r.Detail = fmt.Sprintf("rsync ended with status %s, and what runs it says %d", code, r.Exit), clip(line)
	}
}

func (r *reading) line(run Run, root, line string) {
	m, ok := takeApart(line)
	if !ok {
		r.other(line)
		return
	}
	remote := (m.role == "sender") == run.Pulls()
	if m.role == "" { // before 3.1
		remote = !strings.HasPrefix(m.name, root+"/")
	}
	if startsWith(m.what, harmless) && remote && cannotHold(m.errno) {
		r.explained = true
		return
	}
	e := transport.PathError{Errno: m.errno, Text: line, Remote: remote}
	if remote && run.Target.Versions.Dir != "" && strings.Contains(m.what, "backup") {
		e.Cause = noVersions
	}
	e.Path, e.Elsewhere = place(m, run.Target, root, remote)
	e.Changed = !remote && (raced(m.errno) || m.what == "read errors mapping")
	if e.Changed {
		r.Races = append(r.Races, e)
		return
	}
	r.Failed = append(r.Failed, e)
}

// other handles complaints without an errno.
func (r *reading) other(line string) {
	if m := unproven.FindStringSubmatch(line); m != nil {
		if strings.HasSuffix(line, "(will try again).") {
			return
		}
		// Its content changed between the two passes over it.
		r.Races = append(r.Races, transport.PathError{Path: unescape(m[1]), Changed: true, Errno: syscall.ENODATA, Text: line})
		return
	}
	if m := forward.FindStringSubmatch(line); m != nil {
		line = m[2]
	}
	if m := overlong.FindStringSubmatch(line); m != nil {
		path, _ := cleanName(unescape(m[1]))
		r.Failed = append(r.Failed, transport.PathError{Path: path, Errno: syscall.ENAMETOOLONG, Text: line})
		return
	}
	if rest, ok := strings.CutPrefix(line, "cannot delete non-empty directory: "); ok {
		// Something else on the target keeps it; a later look decides.
		r.Failed = append(r.Failed, transport.PathError{Path: unescape(rest), Remote: true, Errno: syscall.ENOTEMPTY, Text: line})
		return
	}
	if rest, ok := strings.CutPrefix(line, "could not make way for "); ok {
		if _, name, ok := strings.Cut(rest, ": "); ok {
			path, _ := cleanName(unescape(name))
			r.Failed = append(r.Failed, transport.PathError{Path: path, Remote: true, Errno: syscall.ENOTDIR, Text: line})
			return
		}
	}
	if r.Exit == 0 && !startsWith(line, ownWords) {
		return // from ssh, its banner, or the login shell on the remote; rsync itself has no complaint
	}
	r.Unclear = true
	if r.Detail == "" {
		r.Reason, r.Detail = "rsync complained", clip(line)
	}
}

// partial classifies a run that did most of its work.
func (r *reading) partial(t Target) {
	switch {
	case len(r.Failed) > 0 || r.Unclear:
		r.Class = transport.Partly
		if r.full() {
			r.Class = transport.NoSpace
		}
		if len(r.Failed) > 0 {
			r.Reason, r.Detail = r.Failed[0].Reason(), clip(r.Failed[0].Text)
			r.Remedy = t.remedy(r.Failed[0])
		}
	case len(r.Races) > 0, len(r.Dangling) > 0:
		r.Class = transport.Again
		if len(r.Races) > 0 {
			r.Remedy = t.remedy(r.Races[0])
		}
	default:
		r.Class = transport.Done
	}
}

// whole classifies the end of a run that says nothing about single paths.
func (r *reading) whole(run Run) {
	k, t := run.Kind, run.Target
	r.Class = transport.Trouble
	text := r.lines()
	r.Reason, r.Detail = r.ended(), r.cause(t)
	switch {
	case r.full():
		r.Class, r.Reason, r.Remedy = transport.NoSpace, "the target's disk or quota is full", t.fill("free space on {host}", nil)
		return
	case strings.Contains(text, "unknown option") && strings.Contains(text, "-@-1"),
		strings.Contains(text, "--modify-window"):
		r.Class, r.Missing = transport.Refused, transport.MissingNanoseconds
		if !run.has(transport.Nanoseconds) {
			r.Missing = transport.MissingWindow
		}
		return
	// 12 where the receiver had ended before its status was received.
	case (r.Exit == 2 || r.Exit == 12) && (k == transport.Delete || k == transport.Tree) && strings.Contains(text, "invalid file mode"),
		strings.Contains(text, "delete-missing-args"):
		r.Class, r.Missing = transport.Refused, transport.MissingDeleteArgs
		return
	case run.has(transport.Elsewhere) && restricted.MatchString(text):
		r.Class, r.Missing = transport.Refused, transport.MissingElsewhere
		return
	case r.Exit == 2 && strings.Contains(text, "invalid path from sender"):
		r.Class = transport.Again
		return
	case (r.Exit == 4 || r.Exit == 10 || r.Exit == 12) && refusal.MatchString(text): // 3.0.9 closes the connection at once
		r.forbidden(t, text)
		return
	case k == transport.Times && strings.Contains(text, "write only"):
		r.Class, r.Missing = transport.Refused, transport.MissingList
		return
	}
	// A receiver of 3.1.3 and newer that cannot keep an old version ends without a word.
	if t.Versions.Dir != "" && r.Exit == 11 && (r.Detail == "" || strings.Contains(text, "Failed to stat "+t.Versions.Dir+"/") || strings.Contains(text, "backup-dir")) {
		r.Reason, r.Remedy = t.NoVersions()
		r.Missing, r.Broken = transport.MissingVersions, true
		return
	}
	if r.explain(t, text) {
		return
	}
	if r.refusesParameters() {
		r.Reason, r.Remedy = "the rsync on this host does not accept the parameters", "correct params="
		return
	}
	if end, ok := ends[r.Exit]; ok {
		r.Reason, r.Remedy = end.reason, t.fill(end.remedy, nil)
	}
	r.Broken = slices.Contains(breaks, r.Exit)
	if r.Broken && r.unanswered() {
		r.Reason, r.Remedy = "the remote closes the connection before it answers", t.fill("see the log of the rsync daemon on {host}: it may be too old for an option in params=", nil)
		if r.Added != 0 {
			r.Class, r.Missing, r.Broken = transport.Refused, transport.MissingAnswer, false
		}
	}
}

// ends are the causes that an exit status alone tells, where the text does not say
// more.
var ends = map[int]struct{ reason, remedy string }{
	10: {"the connection to the remote was lost", "see whether {host} was restarted or the link broke, and the log of rsync on {host}"},
	12: {"the connection to the remote was lost", "see whether {host} was restarted or the link broke, and the log of rsync on {host}"},
	30: {"nothing came from the remote for the time of --timeout", "raise time= of <timeout>, or see what keeps {host} busy"},
}

// breaks are the exit statuses of runs whose other side has crashed, or which have crashed
// themselves: protocol, socket, file I/O, data stream, diagnostics, pipes, memory, a signal.
var breaks = []int{2, 10, 11, 12, 13, 14, 20, 22, -1}

// full tells whether the target's disk or quota is full.
func (r *reading) full() bool {
	return slices.ContainsFunc(r.Failed, func(e transport.PathError) bool {
		return e.Remote && (e.Errno == syscall.ENOSPC || e.Errno == syscall.EDQUOT)
	})
}

// aboutTheWhole are complaints that name the target's directory, or a file that
// every run needs.
var aboutTheWhole = []string{"change_dir", "password file", "cannot stat destination"}

// lines is standard error without the complaints that name a path: those hold
// a stranger's text.
func (r *reading) lines() string {
	var b strings.Builder
	for line := range strings.SplitSeq(r.Stderr, "\n") {
		m, named := takeApart(line)
		if !named && !strings.Contains(line, "vanished: ") && !unproven.MatchString(line) && !overlong.MatchString(line) && !strings.HasPrefix(line, "cannot delete ") || m.what == "mkdir" ||
			slices.ContainsFunc(aboutTheWhole, func(what string) bool { return strings.Contains(m.what, what) }) {
			b.WriteString(line)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

const maxReason = 400

func clip(s string) string {
	if len(s) > maxReason {
		s = s[:maxReason] + "..."
	}
	return s
}
