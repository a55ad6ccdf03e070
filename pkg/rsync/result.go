package rsync

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
)

// Class says what a run's end means for the paths that were in it.
type Class uint8

// The classes of results.
const (
	// Done: everything is on the remote; complaints were about times,
	// ownership or permissions which the target cannot hold.
	Done Class = iota
	// Partly: the paths in Result.Failed failed, the rest is done. When it
	// could not be told which, Result.Unclear is set.
	Partly
	// Again: only files that changed here meanwhile; look again at once.
	Again
	// Refused: the receiver lacks an option; see Result.Missing.
	Refused
	// NoSpace: the target's disk is full, which aborts a whole run.
	NoSpace
	// Trouble: the remote cannot be reached or does not serve; the lane backs off.
	Trouble
	// Stopped: this program ended the run. Classify does not know; whoever
	// stopped the run says so.
	Stopped
)

func (c Class) String() string {
	return [...]string{"done", "partly", "again", "refused", "no space", "trouble", "stopped"}[c]
}

// Missing names what a receiver refused.
type Missing uint8

// What can be missing.
const (
	MissingNothing Missing = iota
	MissingNanoseconds
	MissingDeleteArgs
	MissingDelete
	MissingList
)

// PathError is one complaint about one path.
type PathError struct {
	Path   string // relative to the watch root; see Elsewhere
	Remote bool   // the remote's complaint, not one about reading here
	Errno  syscall.Errno
	Text   string
	// Elsewhere: Path may begin with something that is no part of it, such as
	// the home directory on the remote.
	Elsewhere bool
	// Changed: the file changed here while it was being sent; looking again at
	// once is what helps.
	Changed bool
}

// Result is what became of a run.
type Result struct {
	Class   Class
	Missing Missing
	Failed  []PathError // Partly
	Races   []PathError // changed here while being sent: look again
	// Dangling are links that were to be followed and lead nowhere. There is
	// nothing to send for them, but rsync leaves out its deletions.
	Dangling []PathError
	Unclear  bool   // something failed that could not be assigned to a path
	Broken   bool   // Trouble: the run broke off, maybe through one of its paths
	Reason   string // one line for people, without names of paths
	Detail   string // what rsync said, clipped; may hold names
	Remedy   string // one line for people, may be empty
	Ended
}

// Classify tells what an ended run of the kind to the target means. root is the
// run's working directory, under which the sender names its files; skipped are
// the listed names that the receiver passed over.
func Classify(k Kind, t Target, root string, e Ended, skipped []string) Result {
	r := Result{Ended: e}
	if e.Inactive {
		r.Class, r.Reason = Trouble, "the remote accepted and then moved nothing"
		r.Remedy = "see whether the rsync daemon on the remote is frozen or the link drops packets"
		return r
	}
	r.read(t, root)
	switch {
	case e.Exit == 0 && len(skipped) > 0 && (k == Delete || k == Tree):
		r.Class, r.Missing = Refused, MissingDeleteArgs
		r.Reason = "the receiver ignored --delete-missing-args"
	case e.Exit == 0 && !r.Unclear && len(r.Failed) == 0:
		r.Class = Done
	case e.Exit == 25:
		r.Unclear = true // --max-delete: something was left, and nothing says what
		r.partial()
	case e.Exit == 0, e.Exit == 23, e.Exit == 24:
		r.partial()
	default:
		r.whole(k)
	}
	return r
}

// read sorts the lines of standard error.
func (r *Result) read(t Target, root string) {
	r.Unclear = r.Truncated
	for line := range strings.SplitSeq(r.Stderr, "\n") {
		line = strings.TrimRight(line, "\r")
		switch {
		case strings.HasPrefix(line, noReferent):
			name := unescape(strings.Trim(strings.TrimPrefix(line, noReferent), `"`))
			e := PathError{Errno: syscall.ENOENT, Text: line, Changed: true}
			e.Path, e.Elsewhere = under(name, root)
			r.Dangling = append(r.Dangling, e)
		case line == "", startsWith(line, chatter):
		case finish.MatchString(line):
			r.verdict(finish.FindStringSubmatch(line)[1], line)
		default:
			r.line(t, root, line)
		}
	}
}

// verdict takes rsync's own word on how it ended. A program around it can hide
// the exit status of a run that broke off: then the status says nothing.
func (r *Result) verdict(code, line string) {
	switch code {
	case "23", "24", "25":
		return
	}
	if r.Exit == 0 || r.Exit == 23 || r.Exit == 24 {
		r.Unclear = true
		r.Reason, r.Detail = fmt.Sprintf("rsync ended with status %s, and what runs it says %d", code, r.Exit), clip(line)
	}
}

func (r *Result) line(t Target, root, line string) {
	m, ok := takeApart(line)
	if !ok {
		r.other(line)
		return
	}
	remote := m.role != "sender"
	if m.role == "" { // before 3.1
		remote = !strings.HasPrefix(m.name, root+"/")
	}
	if startsWith(m.what, harmless) && remote && cannotHold(m.errno) {
		return
	}
	e := PathError{Errno: m.errno, Text: line, Remote: remote}
	e.Path, e.Elsewhere = place(m, t, root, remote)
	e.Changed = !remote && (raced(m.errno) || m.what == "read errors mapping")
	if e.Changed {
		r.Races = append(r.Races, e)
		return
	}
	r.Failed = append(r.Failed, e)
}

// other handles complaints without an errno.
func (r *Result) other(line string) {
	if m := unproven.FindStringSubmatch(line); m != nil {
		if strings.HasSuffix(line, "(will try again).") {
			return
		}
		// Its content changed between the two passes over it.
		r.Races = append(r.Races, PathError{Path: unescape(m[1]), Changed: true, Errno: syscall.ENODATA, Text: line})
		return
	}
	if m := forward.FindStringSubmatch(line); m != nil {
		line = m[2]
	}
	if m := overlong.FindStringSubmatch(line); m != nil {
		path, _ := cleanName(unescape(m[1]))
		r.Failed = append(r.Failed, PathError{Path: path, Errno: syscall.ENAMETOOLONG, Text: line})
		return
	}
	if rest, ok := strings.CutPrefix(line, "cannot delete non-empty directory: "); ok {
		// Something else on the target keeps it; a later look decides.
		r.Failed = append(r.Failed, PathError{Path: unescape(rest), Remote: true, Errno: syscall.ENOTEMPTY, Text: line})
		return
	}
	if rest, ok := strings.CutPrefix(line, "could not make way for "); ok {
		if _, name, ok := strings.Cut(rest, ": "); ok {
			path, _ := cleanName(unescape(name))
			r.Failed = append(r.Failed, PathError{Path: path, Remote: true, Errno: syscall.ENOTDIR, Text: line})
			return
		}
	}
	if r.Exit == 0 && !startsWith(line, ownWords) {
		return // ssh, its banner, or the login shell on the remote; rsync itself is content
	}
	r.Unclear = true
	if r.Detail == "" {
		r.Reason, r.Detail = "rsync complained", clip(line)
	}
}

// partial classifies a run that did most of its work.
func (r *Result) partial() {
	switch {
	case len(r.Failed) > 0 || r.Unclear:
		r.Class = Partly
		if r.full() {
			r.Class = NoSpace
		}
		if len(r.Failed) > 0 {
			r.Reason, r.Detail = r.Failed[0].Reason(), clip(r.Failed[0].Text)
			r.Remedy = pathRemedy(r.Failed[0])
		}
	case len(r.Races) > 0, len(r.Dangling) > 0:
		r.Class = Again
	default:
		r.Class = Done
	}
}

// Reason is the complaint without the path it is about.
func (e PathError) Reason() string {
	where := "here"
	if e.Remote {
		where = "on the target"
	}
	if e.Errno == 0 {
		return "failed " + where
	}
	return e.Errno.Error() + " " + where
}

func pathRemedy(e PathError) string {
	switch {
	case !e.Remote && (e.Errno == syscall.EACCES || e.Errno == syscall.EPERM):
		return "let the user that runs sersync read it, or exclude it"
	case e.Errno == syscall.EACCES || e.Errno == syscall.EPERM:
		return "let the remote's uid (rsyncd.conf: uid, or the ssh user) write there"
	case e.Errno == syscall.EROFS:
		return "the target's file system is read-only: remount it read-write"
	case e.Errno == syscall.ENOSPC, e.Errno == syscall.EDQUOT:
		return "free space on the target"
	case !e.Remote && e.Errno == syscall.ENAMETOOLONG:
		return "shorten or exclude it"
	case e.Errno == syscall.ENAMETOOLONG:
		return "the target cannot hold a name that long: rename or exclude it"
	case e.Errno == syscall.ENOTDIR, e.Errno == syscall.ENOTEMPTY:
		return "a directory stands in the way on the target and <delete start=\"false\"/> forbids removing it"
	default:
		return ""
	}
}

// whole classifies the end of a run that says nothing about single paths.
func (r *Result) whole(k Kind) {
	r.Class = Trouble
	text := r.lines()
	r.Reason, r.Detail = fmt.Sprintf("rsync ended with status %d", r.Exit), r.cause()
	switch {
	case r.full():
		r.Class, r.Reason, r.Remedy = NoSpace, "the target's disk or quota is full", "free space on the target"
		return
	case strings.Contains(text, "unknown option") && strings.Contains(text, "-@-1"),
		strings.Contains(text, "--modify-window"):
		r.Class, r.Missing = Refused, MissingNanoseconds
		return
	// 12 where the receiver was gone before its status came over.
	case (r.Exit == 2 || r.Exit == 12) && (k == Delete || k == Tree) && strings.Contains(text, "invalid file mode"),
		strings.Contains(text, "delete-missing-args"):
		r.Class, r.Missing = Refused, MissingDeleteArgs
		return
	case r.Exit == 2 && strings.Contains(text, "invalid path from sender"):
		r.Class = Again
		return
	case r.Exit == 4:
		r.forbidden(text)
		return
	case k == Times && strings.Contains(text, "write only"):
		r.Class, r.Missing = Refused, MissingList
		return
	case r.Exit == -1:
		r.Reason = "rsync was ended by a signal"
	}
	for _, d := range daemonSays {
		if strings.Contains(text, d.text) {
			r.Reason, r.Remedy = d.reason, d.remedy
			return
		}
	}
	r.Broken = slices.Contains(breaks, r.Exit)
}

// breaks are the ends of runs whose other side has died, or which died
// themselves: protocol, socket, file I/O, data stream, diagnostics, pipes,
// memory, a signal.
var breaks = []int{2, 10, 11, 12, 13, 14, 20, 22, -1}

// forbidden reads which option the daemon's "refuse options" names.
func (r *Result) forbidden(text string) {
	m := refusal.FindStringSubmatch(text)
	switch {
	case m == nil:
	case strings.HasPrefix(m[1], "--del"), m[1] == "--force":
		r.Class, r.Missing = Refused, MissingDelete
		r.Remedy = "the daemon refuses " + m[1] + ": take it out of refuse options, or set <delete start=\"false\"/>"
	default:
		r.Remedy = "take " + m[1] + " out of the module's refuse options, or out of commonParams"
	}
}

// full tells whether the target's disk or quota is.
func (r *Result) full() bool {
	return slices.ContainsFunc(r.Failed, func(e PathError) bool {
		return e.Remote && (e.Errno == syscall.ENOSPC || e.Errno == syscall.EDQUOT)
	})
}

// lines is standard error without the complaints that name a path: those hold
// a stranger's text.
func (r *Result) lines() string {
	var b strings.Builder
	for line := range strings.SplitSeq(r.Stderr, "\n") {
		m, named := takeApart(line)
		if !named && !strings.Contains(line, "vanished: ") && !unproven.MatchString(line) && !overlong.MatchString(line) && !strings.HasPrefix(line, "cannot delete ") ||
			strings.HasPrefix(m.what, "change_dir") || strings.Contains(m.what, "password file") {
			b.WriteString(line)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// cause is the most telling line of standard error.
func (r *Result) cause() string {
	for line := range strings.SplitSeq(r.Stderr, "\n") {
		if line != "" && !finish.MatchString(line) {
			return clip(line)
		}
	}
	return ""
}

const maxReason = 400

func clip(s string) string {
	if len(s) > maxReason {
		s = s[:maxReason] + "..."
	}
	return s
}

// Race tells that the complaint is about a file that changed here while it was
// being sent: looking again at once is what helps.
func (e PathError) Race() bool { return e.Changed }
