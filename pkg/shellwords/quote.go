package shellwords

import "strings"

// CommandIn is the line that runs a command in a directory: every POSIX shell reads
// back exactly the bytes of both.
func CommandIn(dir string, argv []string) string {
	if !strings.HasPrefix(dir, "/") {
		dir = "./" + dir // no option, not "cd -", and not searched in CDPATH
	}
	return "cd " + quote(dir) + " && " + Command(argv)
}

// Command is the line of a command.
func Command(argv []string) string {
	var b strings.Builder
	for i, word := range argv {
		switch {
		case i > 0:
			b.WriteString(" " + quote(word))
		case word == "rsync", word == "ssh", strings.Contains(word, "/"):
			b.WriteString(quote(word))
		default: // reserved words and assignments mean themselves only in quotes
			b.WriteString(quoted(word))
		}
	}
	return b.String()
}

// quote returns one word that a shell reads back as exactly the bytes of s. NUL
// cannot occur in an argument and must be refused before.
func quote(s string) string {
	if plain(s) {
		return s
	}
	return quoted(s)
}

// quoted is s in single quotes: the shell changes nothing there, whatever the bytes
// are (POSIX Shell 2.2.2), which covers newlines and invalid UTF-8; only the single
// quote itself has to be written outside of them.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

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
