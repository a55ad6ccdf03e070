package confxml

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"github.com/sersync/sersync/pkg/safefile"
)

// passwordBytes is how much of a password file is looked at.
const passwordBytes = 4096

// passwordFiles checks each password file once, by the rules of rsync, which refuses a file that
// others can access, or that does not belong to root when rsync runs as root; then every run fails.
func (h *hostCheck) passwordFiles() {
	seen := map[string]bool{}
	for _, l := range h.config.LocalPaths {
		for _, m := range l.Remotes {
			if m.PasswordFile == "" || m.SSH || seen[m.PasswordFile] {
				continue // over ssh rsync does not read it
			}
			seen[m.PasswordFile] = true
			if said := checkPasswordFile(m.PasswordFile, os.Geteuid()); said != "" {
				cause, remedy, _ := strings.Cut(said, "; ")
				h.add(m.Line, "passwordfile", quoteName(m.PasswordFile)+" "+cause, remedy, Warning)
			}
		}
	}
}

// checkPasswordFile tells what is wrong with a password file for the user euid
// and, after a semicolon, what to do about it; it never repeats the content.
func checkPasswordFile(path string, euid int) string {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "does not exist; create it with the password alone in it and mode 0600"
	case err != nil:
		return fmt.Sprintf("cannot be looked at (%v); let this user read it", reason(err))
	case !info.Mode().IsRegular():
		return "is not a regular file; create one with the password alone in it and mode 0600"
	case info.Mode()&others != 0:
		return fmt.Sprintf("can be accessed by others (mode %04o), so rsync refuses it; chmod 600 it", info.Mode().Perm())
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && euid == 0 && st.Uid != 0 {
		return fmt.Sprintf("belongs to user %d, so rsync run by root refuses it; chown root it", st.Uid)
	}
	return checkPassword(path)
}

// checkPassword looks at the first line, all that rsync reads.
func checkPassword(path string) string {
	data, _, err := safefile.ReadInput(path, passwordBytes)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("cannot be read (%v); let this user read it", reason(err))
	case err != nil && !errors.Is(err, safefile.ErrTooLarge):
		return fmt.Sprintf("cannot be read (%v); check the file system below it", reason(err))
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	switch {
	case len(bytes.TrimSpace(line)) == 0:
		return "holds no password in its first line; write the password there, alone"
	case bytes.Contains(line, []byte(":")):
		return "looks like user:password; write only the password on this side (the rsync daemon's secrets file holds both)"
	}
	return ""
}
