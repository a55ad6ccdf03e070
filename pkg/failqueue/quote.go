package failqueue

import "strings"

// quote returns one word that every POSIX shell reads back as exactly the
// bytes of s. Inside single quotes the shell changes nothing, whatever the
// bytes are (POSIX Shell 2.2.2), which covers newlines and invalid UTF-8; only
// the single quote itself has to be written outside of them. NUL cannot occur
// in an argument and must be refused before.
func quote(s string) string {
	if plain(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// plain reports whether s means itself without quotes anywhere but in command
// position. '=' is plain in an option only: "a=b" might become an assignment.
func plain(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("-_./:@%+,", c) >= 0:
		case c == '=' && s[0] == '-':
		default:
			return false
		}
	}
	return true
}

// quoteCommand quotes the first word of a command. Reserved words and
// assignments mean themselves only when quoted; a path and rsync itself need
// nothing.
func quoteCommand(s string) string {
	if s == "rsync" || (strings.Contains(s, "/") && plain(s)) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// quoteDir quotes the operand of cd. A relative path gets a "./" in front: it
// must not be taken for an option or for "cd -", nor be searched in CDPATH.
func quoteDir(s string) string {
	if strings.HasPrefix(s, "/") {
		return quote(s)
	}
	return quote("./" + s)
}
