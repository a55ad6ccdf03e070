package rsyncopts

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Level is how much a remark matters.
type Level uint8

// The levels.
const (
	Note    Level = iota // works as one would think; worth knowing
	Warning              // it runs, and is not what one would think
	Fault                // it will not work; the program may start all the same
	Refusal              // it must not start: nothing could work, or it would destroy
)

// Remark is what a person is told about parameters before a start.
type Remark struct {
	Level  Level
	Cause  string // begins with the option as written
	Remedy string
}

// Setting is what the verdict on some options depends on.
type Setting struct {
	Delete  bool   // <delete> is on
	Remotes int    // how many the localpath has
	Root    string // the watch root, which is rsync's working directory; may be ""
	SSH     bool   // the remote is reached by ssh, and not by a daemon's socket
}

// Judge says what is to be said about parameters, each option once.
func (s Setting) Judge(given []Given) []Remark {
	var all []Remark
	var output []string
	said := map[string]bool{}
	for _, g := range given {
		if said[g.Text] {
			continue
		}
		said[g.Text] = true
		if g.Option != nil && g.Option.Use == Output {
			output = append(output, printable(g.Text))
			continue
		}
		if r, ok := s.judge(g, given); ok {
			r.Cause = printable(g.Text) + ": " + r.Cause
			all = append(all, r)
		}
	}
	if len(output) > 0 {
		all = append(all, Remark{
			Note, strings.Join(output, ", ") + ": left out, because sersync reads what rsync prints",
			`see the commands with <debug start="true">`,
		})
	}
	return all
}

// MayMove tells whether files may be removed here once they are sent: the removal must not be
// carried out on the remote, and no other remote may still need them.
func (s Setting) MayMove() bool { return !s.Delete && s.Remotes <= 1 }

// judge is the remark about one option.
func (s Setting) judge(g Given, all []Given) (Remark, bool) {
	o := g.Option
	if o == nil {
		return unknown(g), true
	}
	if g.Off {
		return Remark{}, false
	}
	switch o.Use {
	case LeftOut, Hides:
		if o.File == Written && s.inside(g.Value) {
			break
		}
		return remark(Warning, o.Why), true
	case Impossible:
		return remark(Refusal, o.Why), true
	case Deletes:
		if !s.Delete {
			return remark(Warning, `it is not used, because <delete start="false"> says that nothing is deleted on the remote; switch <delete> on, or remove it`), true
		}
		return Remark{Note, "left out, because <delete> says what is deleted on the remote", "remove it"}, true
	case Moves:
		return s.moves()
	case Passed, Output, Fixed: // only a file that they name can be wrong
	}
	return s.file(g, all)
}

func remark(level Level, why string) Remark {
	cause, remedy, _ := strings.Cut(why, "; ")
	return Remark{level, cause, remedy}
}

func (s Setting) moves() (Remark, bool) {
	switch {
	case s.Delete:
		return remark(Fault, `it is not used, because the removal of a sent file here would be carried out on the remote, too, and both copies would be gone; set <delete start="false"/> to move files, or remove the option to mirror them`), true
	case !s.MayMove():
		return remark(Fault, "it is not used, because a file that is removed here once one remote has it never gets to the others; move files to one remote only"), true
	}
	return Remark{Note, "what has been sent is removed here", "remove it if the files are to stay"}, true
}

// file judges what depends on files of this host.
func (s Setting) file(g Given, all []Given) (Remark, bool) {
	o := g.Option
	switch {
	case s.SSH && daemonOnly[o.Name]:
		return remark(Fault, "rsync refuses it for a remote that is reached by ssh, and sends nothing; remove it"), true
	case o.Name == "from0" && hasPatterns(all):
		return remark(Refusal, "the files of patterns would be read by lines all the same, and what they exclude would be sent; write one pattern in a line and remove the option"), true
	case o.File == Written && s.inside(g.Value):
		return remark(Refusal, fmt.Sprintf("%s lies in the watch root, so that writing it is a change to sync, without end; name a file elsewhere by its whole path", printable(g.Value))), true
	case o.File == Patterns || o.File == Read:
		if err := unix.Faccessat(unix.AT_FDCWD, s.absolute(g.Value), unix.R_OK, unix.AT_EACCESS); err != nil {
			return remark(Fault, fmt.Sprintf("%s cannot be read (%v), and rsync sends nothing without it; create the file or correct its name", printable(g.Value), err)), true
		}
	}
	return Remark{}, false
}

// daemonOnly are options that rsync refuses, with every run, without a daemon's
// socket.
var daemonOnly = map[string]bool{"password-file": true, "contimeout": true, "early-input": true}

func hasPatterns(all []Given) bool {
	for _, g := range all {
		if g.Option != nil && (g.Option.File == Patterns || g.Option.Name == "filter") {
			return true
		}
	}
	return false
}

// absolute is the file that rsync, which runs in the watch root, finds under a name.
func (s Setting) absolute(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return s.Root + "/" + name // not Join: "link/.." is not "."
}

// inside tells whether a file lies in the watch root, or would.
func (s Setting) inside(name string) bool {
	if s.Root == "" {
		return !filepath.IsAbs(name)
	}
	root, err := filepath.EvalSymlinks(s.Root)
	if err != nil {
		root = filepath.Clean(s.Root)
	}
	dir := filepath.Dir(s.absolute(name))
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	return dir == root || strings.HasPrefix(dir, strings.TrimSuffix(root, "/")+"/")
}

// printable keeps a hostile word on one line.
func printable(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return strconv.Quote(s)
		}
	}
	return s
}
