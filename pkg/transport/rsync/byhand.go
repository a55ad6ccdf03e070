package rsync

import (
	"bytes"
	"strconv"

	"github.com/sersync/sersync/pkg/transport"
)

// ByHand is the argument vector with which a person carries out the run for one path, with the
// watch root as working directory: the user's parameters, the way to the remote, and what the path
// itself needs. It has none of the options that only make this program's own runs quicker, or let
// it read what rsync says. The run's kind is Send or Delete; a path to be deleted that exists again
// is sent.
func (r Run) ByHand(path string) []string {
	params, what := r.Target.Params.Args(), []string{"./" + path}
	switch {
	case r.Kind == transport.Delete && r.patterns():
		params, what = r.Target.Params.WithoutRules(), []string{"-r", "--delete", "--force"}
		for pattern := range bytes.SplitSeq(bytes.TrimSuffix(r.List([]string{path}), []byte{0}), []byte{0}) {
			what = append(what, "--include="+string(pattern))
		}
		what = append(what, "--exclude=*", "./")
	case r.Kind == transport.Delete:
		what = append([]string{"--delete-missing-args", "--force"}, what...)
	}
	r.RemoteShell = "ssh"
	if r.Target.SSHPort != 0 {
		r.RemoteShell += " -p " + strconv.Itoa(r.Target.SSHPort)
	}
	args := append(params, "-R")
	args = append(args, r.reach()...)
	args = append(args, what...)
	return append(args, r.Target.Into())
}

// ByHand is a command line of rsync as a person runs it: variables that the target needs in the
// environment come before the command.
func (t Target) ByHand(argv []string) []string {
	env := t.Environment()
	if len(env) == 0 {
		return argv
	}
	return append(append([]string{"env"}, env...), argv...)
}
