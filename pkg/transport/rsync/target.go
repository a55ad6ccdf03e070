package rsync

import (
	"context"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/tunnel"
)

// Target is one remote as rsync is to reach it. It is immutable.
type Target struct {
	Host, Name   string // as in the configuration: module, or path with SSH
	User         string
	PasswordFile string // daemon targets only
	Port         int    // daemon targets: rsync's port; 0: its default
	SSHPort      int    // SSH targets: the ssh port; 0: ssh's default
	Timeout      int    // seconds for --timeout; 0: not given
	SSH          bool
	// TLS is how the connection to a daemon is secured; nil: it is not.
	TLS    *tunnel.Way
	Params Params
	// Versions is where the remote keeps what is replaced or deleted there.
	Versions Versions
}

// Dest is the target as rsync writes it: [USER@]HOST::MODULE, or HOST:PATH
// over ssh. A host with a colon, an IPv6 address, gets its brackets.
func (t Target) Dest() string {
	host := t.Host
	// In a host without brackets a colon would begin a path for a remote shell.
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		host = "[" + host + "]"
	}
	if t.User != "" {
		host = t.User + "@" + host
	}
	if t.SSH {
		return host + ":" + t.Name
	}
	return host + "::" + t.Name
}

// Into is Dest as the last argument of a run that sends. A path gets a slash at
// its end: rsync would give a single file the name of a target directory that
// does not exist yet.
func (t Target) Into() string {
	dest := t.Dest()
	if t.Name != "" && !strings.HasSuffix(dest, "/") && (t.SSH || strings.Contains(t.Name, "/")) {
		dest += "/"
	}
	return dest
}

// Address is the host and port a probe connects to.
func (t Target) Address() (host, port string) {
	host = strings.Trim(t.Host, "[]")
	switch {
	case t.SSH && t.SSHPort != 0:
		return host, strconv.Itoa(t.SSHPort)
	case t.SSH:
		return host, "22"
	case t.Port != 0:
		return host, strconv.Itoa(t.Port)
	case t.Params.Port != 0:
		return host, strconv.Itoa(t.Params.Port)
	default:
		return host, "873"
	}
}

// Dial connects to an address of the target as rsync does, with TLS where it is asked for. An error
// of TLS is a *tunnel.Error, whose text Explain knows.
func (t Target) Dial(ctx context.Context, address string) (net.Conn, error) {
	if t.TLS != nil {
		return t.TLS.Dial(ctx, address)
	}
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}

// Environment are the variables that an rsync needs in its environment to reach the target.
func (t Target) Environment() []string {
	if t.TLS == nil {
		return nil
	}
	program, err := os.Executable()
	if err != nil {
		program = "/nonexistent/sersync" // rsync ends with an error, and not without TLS
	}
	return t.TLS.Environment(program, net.JoinHostPort(t.Address()))
}

// SSHTo is port, user and host for an ssh to the target.
func (t Target) SSHTo() (args []string) {
	host := strings.Trim(t.Host, "[]")
	if t.User != "" {
		host = t.User + "@" + host
	}
	if t.SSHPort != 0 {
		args = append(args, "-p", strconv.Itoa(t.SSHPort))
	}
	return append(args, "--", host)
}

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

func (r Run) comparison() (args []string) {
	if w, ok := r.window(); ok {
		args = append(args, "--modify-window="+strconv.Itoa(w))
	}
	switch {
	case r.Contents && r.Caps.NoChecksum:
		args = append(args, "--ignore-times") // what cannot be compared is sent
	case r.Contents:
		args = append(args, "--checksum")
	case r.Anew:
		args = append(args, "--ignore-times")
	}
	if own := r.Target.Params.BWLimit; r.Pace.BWLimit > 0 && (own == 0 || int64(r.Pace.BWLimit)<<10 < own) {
		args = append(args, "--bwlimit="+strconv.Itoa(r.Pace.BWLimit))
	}
	if r.MaxSize > 0 {
		args = append(args, "--max-size="+strconv.FormatInt(r.MaxSize, 10))
	}
	if r.Target.Params.PartialDir {
		return args
	}
	if r.Resume && !r.Target.Params.Inplace {
		args = append(args, "--partial-dir="+transport.PartialDir)
	}
	if r.Kind != transport.Send && !(r.Kind == transport.Delete && !r.patterns()) {
		// The rule is perishable: the directory of parts is deleted together with the directory
		// that it is in. It does not apply to directories only, for a receiver of 3.2.7 writes
		// through a link of that name, wherever a stranger has made it point.
		args = append(args, "--filter=-p "+transport.PartialDir)
	}
	return args
}

// transport is how the remote is reached, and quickly.
func (r Run) transport() (args []string) {
	if !r.Target.SSH && !r.Target.Params.RemoteShell { // a daemon at the end of the user's own shell is reached without a socket
		// Without TCP_NODELAY each small file costs four delayed-ACK stalls of 43 ms.
		args = append(args, "--sockopts=TCP_NODELAY", "--contimeout=10")
	}
	return append(args, r.reach()...)
}

// reach are the arguments with which rsync reaches the remote: shell, port, password, and the
// configured timeout.
func (r Run) reach() (args []string) {
	t := r.Target
	switch {
	case t.SSH && t.Params.RemoteShell:
	case t.SSH && r.RemoteShell != "":
		args = append(args, "-e", r.RemoteShell)
	case t.SSH:
		args = append(args, "-e", "ssh")
	default:
		if t.Port != 0 {
			args = append(args, "--port="+strconv.Itoa(t.Port))
		}
		if t.PasswordFile != "" && r.Confine == "" {
			args = append(args, "--password-file="+t.PasswordFile)
		}
	}
	if t.Timeout > 0 && !t.Params.Timeout {
		args = append(args, "--timeout="+strconv.Itoa(t.Timeout))
	}
	return args
}

// survey makes a run a question: --ignore-errors, because an unreadable
// directory here must not hide what is elsewhere; every candidate is looked up
// again before anything is deleted.
var survey = []string{"-n", "--delete", "--ignore-errors", "--force"}

func (r Run) selection() []string {
	list := "--files-from=-"
	switch r.Kind {
	case transport.Tree:
		args := []string{"--recursive", list}
		if r.Verify {
			return append(args, "-n")
		}
		if r.MayDelete {
			args = append(args, "--force")
		}
		if r.DeleteInside {
			if r.has(transport.MissingArgs) {
				// A listed directory that vanished meanwhile would otherwise end
				// the run with 23 and without deletions.
				args = append(args, "--delete-missing-args")
			}
			args = append(args, "--delete")
		}
		return args
	case transport.Delete:
		if r.patterns() {
			return []string{"--recursive", "--delete", "--force", "--include-from=-", "--exclude=*"}
		}
		return []string{"--no-recursive", "--delete-missing-args", "--force", list}
	case transport.Full:
		args := []string{"--recursive"}
		if r.Verify {
			args = append(args, "-n")
		}
		return args
	case transport.Survey:
		return append([]string{"--recursive"}, survey...)
	case transport.SurveyTrees:
		return append([]string{"--recursive", list}, survey...)
	case transport.SurveyFlat:
		return append([]string{"--no-recursive", "--dirs", list}, survey...)
	case transport.SurveyGone:
		return append([]string{"--recursive", "--include-from=-", "--exclude=*"}, survey...)
	default:
		args := []string{"--no-recursive", "--dirs", list}
		if r.Verify {
			args = append(args, "-n")
		}
		if r.MayDelete {
			args = append(args, "--force")
		}
		return args
	}
}

// patterns tells whether the list is one of include patterns.
func (r Run) patterns() bool {
	return r.Kind == transport.SurveyGone || r.Kind == transport.Delete && !r.has(transport.MissingArgs)
}

// List encodes the names for standard input, in the form that the run expects.
// It is never nil.
func (r Run) List(paths []string) []byte {
	b := []byte{}
	for _, p := range paths {
		p = r.relative(p)
		switch {
		case r.patterns():
			b = appendPatterns(b, p, !r.Exact)
		case r.Kind == transport.SurveyFlat && p != "":
			b = appendName(b, p+"/")
		default:
			b = appendName(b, p)
		}
	}
	return b
}

// appendName writes one name for --files-from. A line that begins with # or ;
// would be dropped as a comment even with --from0; ./ before it helps, and is
// not used elsewhere because it also sends the attributes of the root.
func appendName(b []byte, path string) []byte {
	switch {
	case path == "":
		path = "./"
	case path[0] == '#', path[0] == ';':
		path = "./" + path
	}
	return append(append(b, path...), 0)
}

// appendPatterns writes the include patterns that make a comparison of the
// path's parents see nothing but the path.
// With deep, what is below it, too.
func appendPatterns(b []byte, path string, deep bool) []byte {
	for i := 1; i < len(path); i++ {
		if path[i] == '/' {
			b = append(append(append(b, '/'), escape(path[:i], false)...), '/', 0)
		}
	}
	b = append(append(append(b, '/'), escape(path, false)...), 0)
	if !deep {
		return b
	}
	b = append(append(append(b, '/'), escape(path, true)...), "/***"...)
	return append(b, 0)
}

// escape makes a pattern that matches only this name. rsync reads a backslash literally in a
// pattern that has no wildcard, so that one may be escaped only beside one; wild says that a
// wildcard follows.
func escape(path string, wild bool) string {
	if !wild && !strings.ContainsAny(path, "*?[") {
		return path
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// compares tells whether the run deletes what it finds missing here by a comparison. rsync leaves
// out all deletions of such a run when something here could not be read.
func (r Run) compares() bool {
	return r.Kind == transport.Tree && r.DeleteInside || r.Kind == transport.Delete && r.patterns()
}
