package rsync

import (
	"bytes"
	"strconv"
	"strings"
	"time"
)

// Change is one line of --out-format: what rsync tried. Whether it arrived is
// told by the exit status and the complaints alone.
type Change struct {
	Path    string
	Dir     bool
	Deleted bool
	Sent    bool // content was sent, not only attributes
	// OnlyTime: nothing but the modification time differs.
	OnlyTime bool
	Size     int64
}

// ParseChange reads one line of standard output in OutFormat. Other lines (a
// message of the day, a warning) are not ok.
func ParseChange(line []byte) (c Change, ok bool) {
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
		c.OnlyTime = !c.Sent && len(bytes.Trim(code[2:], ".")) == 1 && (code[4] == 't' || code[4] == 'T')
	}
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

// ParseTime reads one line of a Times run: the modification time of the
// target's copy, in whole seconds. The child must run with TZ=UTC.
func ParseTime(line []byte) (path string, mtime time.Time, ok bool) {
	f := strings.SplitN(string(line), " ", 4)
	if len(f) < 4 || len(f[0]) != 11 {
		return "", time.Time{}, false
	}
	mtime, err := time.Parse("2006/01/02-15:04:05", f[2])
	if err != nil {
		return "", time.Time{}, false
	}
	path, _ = cleanName(unescape(f[3]))
	return path, mtime, true
}
