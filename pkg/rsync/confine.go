package rsync

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"syscall"
)

// From 3.5.0 on the client walks the paths of a list itself and reads links
// where the kernel refuses to follow them (see package confine): it follows
// those that root or the user owns. --confine-root refuses what comes out
// elsewhere, but also every option that names a file elsewhere; so the
// password goes through the environment then, and parameters that name files
// leave the option out.

// Confinable tells whether the run can be given --confine-root.
func (r Run) Confinable() bool {
	p := r.Target.Params
	return r.Caps.ConfineRoot && r.Kind != Times && !p.FollowLinks && !p.NamesFiles && !p.Rules.Opaque
}

// namesFiles lists the options whose value is a file of this host. Filter rules
// that name files (merge rules, -C, -F) are Rules.Opaque.
var namesFiles = map[string]bool{
	"exclude-from": true, "include-from": true,
	"log-file": true, "password-file": true, "early-input": true,
	"write-batch": true, "only-write-batch": true, "read-batch": true,
}

// maxPassword is far beyond what rsync itself reads.
const maxPassword = 4096

// ReadPassword reads a password file by rsync's own rules (rsync(1),
// --password-file): the first line, not accessible to others, and owned by
// root when root runs it. Whoever gets an error leaves the file to rsync, which
// says what is wrong with it.
func ReadPassword(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a fifo would block for ever
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // read only
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() || info.Mode().Perm()&0o006 != 0 || os.Geteuid() == 0 && st.Uid != 0 {
		return "", fmt.Errorf("%s: rsync will not accept its kind, mode or owner", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxPassword))
	if err != nil {
		return "", err
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	line = bytes.TrimRight(line, "\r")
	if len(line) == 0 {
		return "", fmt.Errorf("%s: empty", path)
	}
	return string(line), nil
}
