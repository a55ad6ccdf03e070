package rsync

import (
	"strconv"
	"strings"
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
	Params       Params
}

// Dest is the target as rsync writes it: [USER@]HOST::MODULE, or HOST:PATH
// over ssh. An IPv6 literal gets its brackets.
func (t Target) Dest() string {
	host := t.Host
	if strings.Count(host, ":") > 1 && !strings.HasPrefix(host, "[") {
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

// PartialDir is where receivers keep the part of a large file that has
// arrived. Only runs that are worth resuming name it, for a run that is killed
// would otherwise leave pieces of small files there; where a run compares or
// deletes whole trees it is excluded.
const PartialDir = ".sersync-partial"

// Deleter is the way deletions are told to a receiver. None of them works with
// every version of rsync.
type Deleter uint8

// The ways, the preferred one first.
const (
	// DeleteMissingArgs lists what is gone (--delete-missing-args, 3.1.0).
	DeleteMissingArgs Deleter = iota
	// DeletePatterns compares the parent directories, limited by patterns.
	DeletePatterns
)

// Capabilities are what a client and receiver together have shown to
// understand. The zero value is the newest rsync.
type Capabilities struct {
	// SecondsOnly: the receiver refuses --modify-window=-1 (before 3.1.3) and
	// compares times by the second.
	SecondsOnly bool
	Deleter     Deleter
	// NoList: the module is write only and refuses to list.
	NoList bool
	// NoDelete: the daemon refuses every deletion.
	NoDelete bool
	// ConfineRoot: the client knows --confine-root.
	ConfineRoot bool
}

// Kind is what a run is for.
type Kind uint8

// The kinds of runs.
const (
	// Send brings the listed paths themselves over, directories without what
	// is in them.
	Send Kind = iota
	// Tree brings the listed directories over with everything below.
	Tree
	// Delete removes the listed paths, which must not exist here.
	Delete
	// Full brings the whole tree over and deletes nothing.
	Full
	// Survey changes nothing: it tells what only the target has, in the whole
	// tree; SurveyTrees below the listed directories, SurveyFlat directly in
	// them, SurveyGone at and below listed paths that do not exist here.
	Survey
	SurveyTrees
	SurveyFlat
	SurveyGone
	// Times asks for the modification times of the target's copies.
	Times
)

func (k Kind) String() string {
	return [...]string{"send", "tree", "delete", "full", "survey", "survey trees", "survey flat", "survey gone", "times"}[k]
}

// Run describes one run of rsync.
type Run struct {
	Kind   Kind
	Target Target
	Caps   Capabilities

	// DeleteInside lets a Tree run remove what is on the target below the
	// listed directories and not here.
	DeleteInside bool
	// MayDelete says that the localpath's delete switch is on. Without it
	// nothing on the target makes way, not even a file for a directory.
	MayDelete bool
	// LiftUpdate takes -u out of the user's parameters.
	LiftUpdate bool
	// IgnoreTimes sends what is listed whatever its size and time are.
	IgnoreTimes bool
	// Excludes are further rsync patterns (crontabfilter).
	Excludes []string
	// Resume keeps what has arrived of a file when the run is interrupted.
	Resume bool
	// Confine is the directory that --confine-root names; the password then
	// comes through the environment. Empty: none. See Confinable.
	Confine string
	// Verify makes a Full run compare only (-n).
	Verify bool
	// Exact deletes the listed names alone, below directories that do not
	// exist here, and nothing else that is in them.
	Exact bool
	// Hidden are directories here that an Exact run neither sees nor deletes
	// on the target: it is about something else that has their name there.
	Hidden []string
	// RootAlone makes a Send run of the watch root leave out what is in it: with
	// --dirs a list's "./" brings every entry of it over.
	RootAlone bool
	// RemoteShell replaces ssh; empty: plain ssh.
	RemoteShell string
}

// OutFormat is the line that rsync prints for each change: what, size, name.
const OutFormat = "%i %l %n"

// timesFormat asks for the modification time between size and name; nowhere is
// a directory that cannot exist, so that everything on the target is "new".
const (
	timesFormat = "%i %l %M %n"
	nowhere     = "/proc/self/none/"
)

// Args is the argument vector after the program's name, for a working
// directory at the watch root. The list of names goes to standard input.
func (r Run) Args() []string {
	var args []string
	if r.Kind == Times {
		args = append(args, "--from0")
		args = append(args, r.Target.Params.Connection()...)
		args = append(args, r.Transport()...)
		return append(args, "-n", "-t", "-R", "--no-motd", "--out-format="+timesFormat, "--files-from=-",
			strings.TrimSuffix(r.Target.Dest(), "/")+"/", nowhere)
	}
	if r.RootAlone {
		args = append(args, "--exclude=/*") // before the user's own rules: the first that matches counts
	}
	switch {
	case r.Kind == Delete && r.patterns():
		// An include among the user's own rules would have the run compare, and
		// delete, what no list names.
		args = append(args, r.Target.Params.WithoutRules()...)
	case r.LiftUpdate:
		args = append(args, r.Target.Params.WithoutUpdate()...)
	default:
		args = append(args, r.Target.Params.Args()...)
	}
	if r.Kind != Full && r.Kind != Survey {
		// Between the user's files of patterns, which have lines, and our list:
		// it holds for every file that is named after it.
		args = append(args, "--from0")
	}
	args = append(args, "-R", "--no-motd", "--out-format="+OutFormat)
	args = append(args, r.comparison()...)
	args = append(args, r.Transport()...)
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
	return append(args, "./", r.Target.Into())
}

func (r Run) comparison() (args []string) {
	if !r.Target.Params.ModifyWindow && !r.Caps.SecondsOnly {
		args = append(args, "--modify-window=-1")
	}
	if r.IgnoreTimes {
		args = append(args, "--ignore-times")
	}
	if r.Target.Params.PartialDir {
		return args
	}
	if r.Resume && !r.Target.Params.Inplace {
		args = append(args, "--partial-dir="+PartialDir)
	}
	if r.Kind != Send && !(r.Kind == Delete && !r.patterns()) {
		// Perishable: it goes with the directory it is in. Not only a directory:
		// a receiver of 3.2.7 writes through a link of that name, wherever a
		// stranger had it point to.
		args = append(args, "--filter=-p "+PartialDir)
	}
	return args
}

// Transport is how the remote is reached: shell, port, password, timeouts.
func (r Run) Transport() (args []string) {
	t := r.Target
	switch {
	case t.SSH && t.Params.RemoteShell:
	case t.SSH && r.RemoteShell != "":
		args = append(args, "-e", r.RemoteShell)
	case t.SSH:
		args = append(args, "-e", "ssh")
	default:
		// Without it each small file costs four delayed-ACK stalls of 43 ms.
		args = append(args, "--sockopts=TCP_NODELAY", "--contimeout=10")
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
	case Tree:
		args := []string{"--recursive", list}
		if r.MayDelete {
			args = append(args, "--force")
		}
		if r.DeleteInside {
			if r.MayDelete && r.Caps.Deleter == DeleteMissingArgs {
				// A listed directory that vanished meanwhile would otherwise end
				// the run with 23 and without deletions.
				args = append(args, "--delete-missing-args")
			}
			args = append(args, "--delete")
		}
		return args
	case Delete:
		if r.patterns() {
			return []string{"--recursive", "--delete", "--force", "--include-from=-", "--exclude=*"}
		}
		return []string{"--no-recursive", "--delete-missing-args", "--force", list}
	case Full:
		args := []string{"--recursive"}
		if r.Verify {
			args = append(args, "-n")
		}
		return args
	case Survey:
		return append([]string{"--recursive"}, survey...)
	case SurveyTrees:
		return append([]string{"--recursive", list}, survey...)
	case SurveyFlat:
		return append([]string{"--no-recursive", "--dirs", list}, survey...)
	case SurveyGone:
		return append([]string{"--recursive", "--include-from=-", "--exclude=*"}, survey...)
	default:
		args := []string{"--no-recursive", "--dirs", list}
		if r.MayDelete {
			args = append(args, "--force")
		}
		return args
	}
}

// patterns tells whether the list is one of include patterns.
func (r Run) patterns() bool {
	return r.Kind == SurveyGone || r.Kind == Delete && (r.Exact || r.Caps.Deleter == DeletePatterns)
}

// List encodes the names for standard input, in the form that the run expects.
// It is never nil.
func (r Run) List(paths []string) []byte {
	b := []byte{}
	for _, p := range paths {
		switch {
		case r.patterns():
			b = appendPatterns(b, p, !r.Exact)
		case r.Kind == SurveyFlat && p != "":
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

// escape makes a name match itself alone. rsync reads a backslash literally in
// a pattern that has no wildcard, so that one may be escaped only beside one;
// wild says that a wildcard follows.
func escape(path string, wild bool) string {
	if !wild && !strings.ContainsAny(path, "*?[") {
		return path
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// Quote renders the command for a person, for the fail log and for debugging.
func Quote(argv []string) string {
	var b strings.Builder
	for i, a := range argv {
		if i > 0 {
			b.WriteByte(' ')
		}
		if a != "" && strings.Trim(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-") == "" {
			b.WriteString(a)
			continue
		}
		b.WriteString("'" + strings.ReplaceAll(a, "'", `'\''`) + "'")
	}
	return b.String()
}

// Compares tells whether the run deletes what a comparison shows to be missing
// here. rsync leaves that out, for the whole run, when something here could not
// be read.
func (r Run) Compares() bool {
	return r.Kind == Tree && r.DeleteInside || r.Kind == Delete && r.patterns()
}

// surveys tells whether the run only asks what the target has.
func (k Kind) surveys() bool { return k >= Survey && k <= SurveyGone }
