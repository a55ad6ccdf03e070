package fetch

import (
	"strconv"

	"github.com/sersync/sersync/pkg/edge/apply"
	"github.com/sersync/sersync/pkg/edge/edgexml"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

// Directory is the directory below the root of the tree in which rsync writes files before it
// renames them to their places. It exists only while something is fetched.
const Directory = ".sersync-edge.fetch"

// Options say how all runs of a tree are made.
type Options struct {
	Root    bool // this program runs as root: owners and devices are kept
	Replace bool // a directory with something in it may make way for a file
}

// common are the arguments of every run.
func common(u edgexml.Upstream) []string {
	args := []string{
		"--sockopts=TCP_NODELAY", "--no-motd", "--timeout=60", "--contimeout=15",
		"--exclude=/" + Directory, "--exclude=" + apply.Temporary, "--out-format=" + rsync.OutFormat,
	}
	if u.Port != 0 {
		args = append(args, "--port="+strconv.Itoa(u.Port))
	}
	if u.PasswordFile != "" {
		args = append(args, "--password-file="+u.PasswordFile)
	}
	return args
}

// pullArgs is the argument vector of a run that fetches the names on its standard
// input, each ended by a NUL, into the working directory.
func pullArgs(u edgexml.Upstream, o Options, trees bool) []string {
	args := append(common(u), "--from0", "--files-from=-", "-lptg", "--specials", "--numeric-ids", "--whole-file", "--temp-dir="+Directory)
	if o.Root {
		args = append(args, "-o", "--devices")
	}
	if o.Replace {
		args = append(args, "--force")
	}
	if trees {
		args = append(args, "-r")
	}
	return append(args, source(u, ""), "./")
}

// surveyArgs is the argument vector of a run that lists what only this edge has below a
// directory, and changes nothing.
func surveyArgs(u edgexml.Upstream, dir string) []string {
	args := append(common(u), "-n", "-rlD", "--existing", "--ignore-existing", "--delete")
	if dir != "" {
		dir += "/"
	}
	return append(args, source(u, dir), "./"+dir)
}

func source(u edgexml.Upstream, dir string) string {
	t := rsync.Target{Host: u.Host, Name: u.Module, User: u.User}
	return t.Dest() + "/" + dir
}
