package rsync

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/rsyncopts"
	"github.com/sersync/sersync/pkg/transport"
)

// fill replaces the words in braces by those of the target. found are the groups that the text's
// expression has matched; {1} is the first that is not empty.
func (t Target) fill(text string, found []string) string {
	host, port := t.Address()
	module, _, _ := strings.Cut(t.Name, "/")
	login := host
	if t.User != "" {
		login = t.User + "@" + host
	}
	file := t.PasswordFile
	if file == "" {
		file = "a file that passwordfile= names"
	}
	first := ""
	if i := slices.IndexFunc(found, func(s string) bool { return s != "" }); i >= 0 {
		first = found[i]
	}
	return strings.NewReplacer("{host}", host, "{port}", port, "{module}", module, "{path}", t.Name, "{login}", login,
		"{user}", t.User, "{file}", file, "{1}", first).Replace(text)
}

// explain finds the cause and the remedy of a run that failed as a whole.
func (r *reading) explain(t Target, text string) bool {
	if r.unknownOption(t, text) || r.noProgram(t, text) {
		return true
	}
	for _, s := range sayings {
		m := s.text.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		remedy := s.remedy
		switch {
		case t.SSH && s.ssh != "":
			remedy = s.ssh
		case t.User == "" && s.anonymous != "":
			remedy = s.anonymous
		}
		r.Reason, r.Remedy = s.reason, t.fill(remedy, m[1:])
		return true
	}
	return false
}

// RefusedParameters returns what the rsync on this host objects to in the parameters, derived from
// its exit status and its standard error; empty: nothing.
func RefusedParameters(t Target, exit int, stderr string) string {
	r := newReading(Ended{Ended: child.Ended{Exit: exit, Stderr: stderr}})
	if !r.refusesParameters() {
		return ""
	}
	if cause := r.cause(t); cause != "" {
		return cause
	}
	return r.ended()
}

var ownVerdict = regexp.MustCompile(`(?m)^rsync error: .* \(code [14]\) at .*\[(?:client|sender)=`)

// refusesParameters tells whether the rsync on this host has ended because of what
// it was to do, before any remote was asked.
func (r *reading) refusesParameters() bool {
	return (r.Exit == 1 || r.Exit == 4) && ownVerdict.MatchString(r.Stderr)
}

var unknownOption = regexp.MustCompile(`(?m)^rsync: (on remote machine: )?(-[^:\n]*): unknown option`)

// unknownOption explains an option that one of the two rsyncs does not know. The user cannot take
// out an option that this program adds itself.
func (r *reading) unknownOption(t Target, text string) bool {
	m := unknownOption.FindStringSubmatch(text)
	if m == nil {
		return false
	}
	here := m[1] == "" && strings.Contains(text, "[client=")
	switch own := t.Params.has(m[2]); {
	case own && here:
		r.Reason, r.Remedy = "the rsync on this host does not know the option {1}", "take {1} out of params=, or install a newer rsync on this host"
	case own:
		r.Reason, r.Remedy = "the remote's rsync does not know the option {1}", "take {1} out of params=, or install a newer rsync on {host}"
	case here:
		r.Reason, r.Remedy = "the rsync on this host is too old", "install rsync 3.0.9 or newer on this host"
	default:
		r.Reason, r.Remedy = "the remote's rsync is too old", "install rsync 3.0.9 or newer on {host}"
	}
	r.Reason, r.Remedy = t.fill(r.Reason, m[2:]), t.fill(r.Remedy, m[2:])
	return true
}

// has tells whether an option is among the user's own parameters, by its name or
// its letter.
func (p Params) has(option string) bool {
	option, _, _ = strings.Cut(option, "=")
	asked, err := rsyncopts.Parse([]string{option})
	given, bad := rsyncopts.Parse(p.args)
	return slices.ContainsFunc(given, func(g rsyncopts.Given) bool {
		return bad == nil && (g.Text == option || err == nil && len(asked) == 1 && g.Option != nil && g.Option == asked[0].Option && g.Off == asked[0].Off)
	})
}

// noProgram explains a shell on the remote that finds no rsync. The message depends on the shell
// and on the language there, but it always names the program, and does not come from rsync.
func (r *reading) noProgram(t Target, text string) bool {
	if !t.SSH {
		return false
	}
	program, _, _ := strings.Cut(t.Params.Program(), " ")
	named := regexp.MustCompile(`(?:^|[\s:'"` + "`" + `])` + regexp.QuoteMeta(program) + `(?:$|[\s:'"` + "`" + `])`)
	denied, found := false, r.Exit == 127
	for line := range strings.SplitSeq(text, "\n") {
		own := strings.HasPrefix(line, "rsync: ") && line != "rsync: Command not found." || finish.MatchString(line)
		if !own && named.MatchString(line) && slices.Contains(noProgramEnds, r.Exit) {
			found, denied = true, strings.Contains(line, "ermission denied")
		}
	}
	switch {
	case !found:
		return false
	case denied:
		r.Reason, r.Remedy = "the remote does not let its rsync be run", "let {login} execute {1} on {host}"
	case t.Params.rsyncPath != "":
		r.Reason, r.Remedy = "the remote has no rsync", "install {1} on {host}, or correct --rsync-path in params="
	default:
		r.Reason, r.Remedy = "the remote has no rsync", "install rsync on {host}, in the PATH of {login}"
	}
	r.Remedy = t.fill(r.Remedy, []string{program})
	return true
}

// noProgramEnds are the ends of a client whose remote shell has run nothing: the
// shell's own status, or that of the connection, whichever was seen first.
var noProgramEnds = []int{12, 14, 126, 127}

// forbidden reads which option the daemon's "refuse options" names.
func (r *reading) forbidden(t Target, text string) {
	m := refusal.FindStringSubmatch(text)
	if m == nil {
		return
	}
	name := strings.TrimLeft(m[1], "-")
	switch {
	case strings.HasPrefix(name, "del"), name == "force":
		r.Class, r.Missing = transport.Refused, transport.MissingDelete
		r.Remedy = t.AllowDeletions(name)
	case name == "checksum" && !t.Params.Checksum:
		r.Class, r.Missing = transport.Refused, transport.MissingChecksum
	case slices.Contains([]string{"link-dest", "fuzzy", "secluded-args", "protect-args"}, name) && !t.Params.has(m[1]):
		r.Class, r.Missing = transport.Refused, transport.MissingElsewhere
	case t.Params.has(m[1]):
		r.Reason = t.fill("the daemon refuses the option {1}", []string{m[1]})
		r.Remedy = t.fill("take {1} out of refuse options of [{module}] on {host}, or out of params=", []string{name})
	default:
		r.Remedy = t.fill("take {1} out of refuse options of [{module}] on {host}", []string{name})
	}
}

// AllowDeletions is the remedy where the daemon refuses every deletion, by an
// option of that name.
func (t Target) AllowDeletions(name string) string {
	return t.fill("take {1} out of refuse options of [{module}] on {host}, or set <delete start=\"false\"/>", []string{name})
}

// remedy is what a person can do about a complaint about one path.
func (t Target) remedy(e transport.PathError) string {
	switch {
	case e.Cause == noVersions:
		_, remedy := t.NoVersions()
		return remedy
	case e.Hung():
		return "see what keeps changing it into a fifo, or holds a lease on it"
	case !e.Remote && (e.Errno == syscall.EACCES || e.Errno == syscall.EPERM):
		return "let the user that runs sersync read it, or exclude it"
	case (e.Errno == syscall.EACCES || e.Errno == syscall.EPERM) && t.SSH:
		return t.fill("let {login} write in {path} on {host}", nil)
	case e.Errno == syscall.EACCES || e.Errno == syscall.EPERM:
		return t.fill("let the uid of [{module}] in the rsyncd.conf on {host} write there", nil)
	case e.Errno == syscall.EROFS:
		return t.fill("the file system on {host} is read-only: remount it read-write", nil)
	case e.Errno == syscall.ENOSPC, e.Errno == syscall.EDQUOT:
		return t.fill("free space on {host}", nil)
	case !e.Remote && e.Errno == syscall.ENAMETOOLONG:
		return "shorten or exclude it"
	case e.Errno == syscall.ENAMETOOLONG:
		return t.fill("{host} cannot hold a name that long: rename or exclude it", nil)
	case e.Remote && e.Errno == syscall.ENOENT && t.Params.has("--no-implied-dirs"):
		return t.fill("a directory above it is missing on {host}: take --no-implied-dirs out of params=", nil)
	case e.Remote && e.Errno == syscall.ENOENT:
		return t.fill("a directory above it has gone on {host}: see who removes it there", nil)
	case e.Errno == syscall.ENOTDIR, e.Errno == syscall.ENOTEMPTY:
		return t.fill("a directory stands in the way on {host} and <delete start=\"false\"/> forbids removing it", nil)
	default:
		return ""
	}
}

// addedNames are the options that this program adds to a run itself, as complaints spell them. The
// user has not written them, and so cannot take them out.
var addedNames = []string{
	"--modify-window", "-@-1", "--delete-missing-args", "--confine-root", "--files-from", "--from0", "--out-format", "--log-format",
	"--partial-dir", "--ignore-times", "--no-motd", "--sockopts", "--contimeout", "--force", "--no-recursive", "--dirs", "--include-from",
	"--relative", "--ignore-errors", "--delete", "--link-dest", "--fuzzy", "--secluded-args", "--protect-args",
}

// tellable tells whether a line may be shown to people.
func (t Target) tellable(line string) bool {
	return !slices.ContainsFunc(addedNames, func(name string) bool { return strings.Contains(line, name) && !t.Params.has(name) })
}

// cause is the line of standard error that says most about the cause.
func (r *reading) cause(t Target) string {
	for line := range strings.SplitSeq(r.Stderr, "\n") {
		if line != "" && !finish.MatchString(line) && t.tellable(line) {
			return clip(line)
		}
	}
	return ""
}

// ended is the reason of last resort.
func (e Ended) ended() string {
	if e.Exit == -1 {
		return "rsync was ended by a signal"
	}
	return fmt.Sprintf("rsync ended with status %d", e.Exit)
}
