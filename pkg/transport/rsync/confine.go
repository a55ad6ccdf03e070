package rsync

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/sersync/sersync/pkg/safefile"
)

// From 3.5.0 on the client walks the paths of a list itself and reads links where the kernel
// refuses to follow them (see package confine): it follows those that root or the user owns.
// --confine-root refuses a path that leads out of a directory, but also every option that names a
// file elsewhere. So the password is then passed in the environment, and with parameters that name
// files the option is left out.

// Confinable tells whether the run can be given --confine-root.
func (r Run) Confinable() bool {
	p := r.Target.Params
	return r.Caps.ConfineRoot && !r.Pulls() && !p.FollowLinks && !p.NamesFiles && !p.Rules.Opaque
}

// maxPassword is far beyond what rsync itself reads.
const maxPassword = 4096

// ReadPassword reads a password file by rsync's own rules (rsync(1), --password-file): the first
// line, not accessible to others, and owned by root when root runs it. After an error the caller
// gives the file to rsync, which says what is wrong with it.
func ReadPassword(path string) (string, error) {
	data, info, err := safefile.ReadInput(path, maxPassword)
	if err != nil && !errors.Is(err, safefile.ErrTooLarge) {
		return "", err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || info.Mode().Perm()&0o006 != 0 || os.Geteuid() == 0 && st.Uid != 0 {
		return "", fmt.Errorf("%s: rsync will not accept its mode or owner", path)
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	line = bytes.TrimRight(line, "\r")
	if len(line) == 0 {
		return "", fmt.Errorf("%s: empty", path)
	}
	return string(line), nil
}
