package rsync

import "regexp"

// unwanted collects the names that the remote's own configuration excludes
// (rsyncd.conf: exclude, filter). A daemon refuses each of them by a line of its
// own, at every full sync: kept among the complaints they would crowd out those
// that matter.
type unwanted struct {
	names []string
	more  int
}

// maxUnwanted bounds the names of one run.
const maxUnwanted = 20_000

var refusedName = regexp.MustCompile(`^(?:\[[a-zA-Z]+\] )?ERROR: daemon refused to receive (?:file|directory) "(.*)"$`)

// take notes a line of a child's standard error about such a name, and tells
// whether it is one.
func (u *unwanted) take(line []byte) bool {
	m := refusedName.FindSubmatch(trimEnd(line))
	switch {
	case m == nil:
		return false
	case len(u.names) == maxUnwanted:
		u.more++
	default:
		path, _ := cleanName(unescape(string(m[1])))
		u.names = append(u.names, path)
	}
	return true
}

// trimEnd is a line without its end, which over ssh may include a carriage return.
func trimEnd(line []byte) []byte {
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	return line
}
