package rsync

import (
	"strconv"

	"github.com/sersync/sersync/pkg/transport"
)

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
