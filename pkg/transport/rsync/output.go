package rsync

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"github.com/sersync/sersync/pkg/transport"
)

// ParseChange reads one line of standard output in OutFormat. Other lines (a
// message of the day, a warning) are not ok.
func ParseChange(line []byte) (c transport.Change, ok bool) {
	code, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok || len(code) < 9 {
		return c, false
	}
	// "*deleting" is padded to the width of the itemized form.
	rest = bytes.TrimLeft(rest, " ")
	size, name, ok := bytes.Cut(rest, []byte(" "))
	if !ok {
		return c, false
	}
	n, err := strconv.ParseInt(string(size), 10, 64)
	if err != nil {
		return c, false
	}
	switch {
	case bytes.Equal(code, []byte("*deleting")):
		c.Deleted = true
	case !bytes.ContainsRune([]byte("<>ch."), rune(code[0])) || !bytes.ContainsRune([]byte("fdLDS"), rune(code[1])):
		return c, false
	default:
		c.Sent = code[0] == '<' || code[0] == 'c'
		c.New = len(bytes.Trim(code[2:], "+")) == 0
		c.OnlyTime = len(bytes.Trim(code[2:], ".")) == 1 && (code[4] == 't' || code[4] == 'T')
	}
	c.Link = code[1] == 'L'
	c.Size = n
	c.Path, c.Dir = cleanName(unescape(string(name)))
	return c, true
}

// cleanName removes the ./ and the slash behind a directory.
func cleanName(name string) (path string, dir bool) {
	path, dir = strings.CutSuffix(name, "/")
	path = strings.TrimPrefix(path, "./")
	if path == "." {
		return "", true
	}
	return path, dir
}

// unescape undoes rsync's \#ooo for bytes it does not print.
func unescape(s string) string {
	if !strings.Contains(s, `\#`) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 < len(s) && s[i+1] == '#' {
			if n, err := strconv.ParseUint(s[i+2:i+5], 8, 8); err == nil {
				b = append(b, byte(n))
				i += 4
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

// Skipped reads the line that an old or restricted receiver prints, with exit
// status 0, in place of deleting a listed name.
func Skipped(line []byte) (path string, ok bool) {
	rest, ok := strings.CutPrefix(string(line), `skipping non-regular file "`)
	if !ok {
		return "", false
	}
	rest, ok = strings.CutSuffix(rest, `"`)
	return unescape(rest), ok
}

// ParseCopy reads one line of a Times run. The child must run with TZ=UTC.
func ParseCopy(line []byte) (c transport.Copy, ok bool) {
	const code = 11 // "%i", which has blanks at its end where nothing differs
	if len(line) < code+1 || line[code] != ' ' {
		return c, false
	}
	f := strings.SplitN(string(line[code+1:]), " ", 3)
	if len(f) < 3 {
		return c, false
	}
	size, sizeErr := strconv.ParseInt(f[0], 10, 64)
	mtime, timeErr := time.Parse("2006/01/02-15:04:05", f[1])
	if sizeErr != nil || timeErr != nil {
		return c, false
	}
	path, dir := cleanName(unescape(f[2]))
	return transport.Copy{Path: path, Dir: dir, Size: size, Mtime: mtime, SameTime: line[4] == '.' || line[4] == ' '}, true
}
