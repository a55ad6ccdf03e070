package rsync

import (
	"bytes"
	"strconv"

	"github.com/sersync/sersync/pkg/transport"
)

// ParseProgress reads a line that --info=progress2 prints, such as
// "  30,000,004  99%  232.35MB/s    0:00:00 (xfr#2, ir-chk=1049/1162)". With
// "ir" the list is still growing.
func ParseProgress(line []byte) (p transport.Progress, ok bool) {
	if len(line) == 0 || line[0] != ' ' {
		return p, false
	}
	i := bytes.LastIndex(line, []byte("-chk="))
	if i < 2 {
		return p, false
	}
	p.Whole = bytes.HasSuffix(line[:i], []byte("to"))
	left, known, ok := bytes.Cut(bytes.TrimRight(line[i+len("-chk="):], ") "), []byte("/"))
	if !ok {
		return p, false
	}
	n, err := strconv.ParseInt(string(left), 10, 64)
	all, err2 := strconv.ParseInt(string(known), 10, 64)
	if err != nil || err2 != nil || n < 0 || n > all {
		return p, false
	}
	p.Checked, p.Known = all-n, all
	return p, true
}
