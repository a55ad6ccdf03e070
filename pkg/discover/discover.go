// Package discover finds the status sockets of every sersync that runs on this
// host, as far as this user may see them.
package discover

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// pattern is what status sockets are called in a state directory.
const pattern = "status-*.sock"

// listening is __SO_ACCEPTCON, the flag of a socket that accepts connections, in
// the fourth column of /proc/net/unix.
const listening = "00010000"

// ownDescriptors is how a process names a socket with a long path; see package
// unixsock.
const ownDescriptors = "/proc/self/"

// Sockets are the paths of the sockets of running programs, each once: those in the directories,
// whether a process answers there or not, and those on which a process named sersync or sersync2
// listens. proc is where procfs is mounted. A socket of another mount namespace has a path below
// proc.
func Sockets(proc string, dirs []string) []string {
	var list list
	for _, dir := range dirs {
		if dir == "" { // a user without a home
			continue
		}
		// The only error is that of a malformed pattern.
		found, _ := filepath.Glob(filepath.Join(escape(dir), pattern))
		for _, path := range found {
			list.add(path)
		}
	}
	processes, err := os.ReadDir(proc)
	if err != nil {
		return list.paths
	}
	for _, p := range processes {
		if _, err := strconv.Atoi(p.Name()); err != nil || !ours(filepath.Join(proc, p.Name())) {
			continue
		}
		dir := filepath.Join(proc, p.Name())
		for _, path := range listens(dir) {
			list.add(path)
			list.add(filepath.Join(dir, "root", path))
		}
	}
	return list.paths
}

// escape makes the special characters of a pattern in a name stand for themselves.
func escape(name string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(name)
}

// list is sockets without repetitions.
type list struct {
	paths []string
	infos []os.FileInfo
}

func (l *list) add(path string) {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Type() != os.ModeSocket {
		return
	}
	for _, have := range l.infos {
		if os.SameFile(have, info) {
			return
		}
	}
	l.paths, l.infos = append(l.paths, path), append(l.infos, info)
}

// ours tells whether the process with this directory in procfs was started as
// sersync or sersync2.
func ours(dir string) bool {
	cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return false
	}
	name, _, _ := bytes.Cut(cmdline, []byte{0})
	base := filepath.Base(string(name))
	return base == "sersync" || base == "sersync2"
}

// listens are the names of the Unix sockets on which the process listens.
func listens(dir string) []string {
	open := map[string]bool{}
	fds, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		return nil // it has ended, or belongs to another user
	}
	for _, fd := range fds {
		target, err := os.Readlink(filepath.Join(dir, "fd", fd.Name()))
		if inode, ok := strings.CutPrefix(target, "socket:["); ok && err == nil {
			open[strings.TrimSuffix(inode, "]")] = true
		}
	}
	table, err := os.Open(filepath.Join(dir, "net/unix"))
	if err != nil {
		return nil
	}
	defer table.Close() //nolint:errcheck // only read
	var paths []string
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		// Num RefCount Protocol Flags Type St Inode Path; a path may hold spaces.
		line := lines.Text()
		fields := strings.Fields(line)
		if at := strings.Index(line, " /"); at >= 0 && open[fields[6]] && fields[3] == listening {
			paths = append(paths, seenFrom(dir, line[at+1:]))
		}
	}
	return paths
}

// seenFrom is the path of a socket for this process: one that is named by a
// descriptor of its process is found below that process's directory.
func seenFrom(dir, path string) string {
	if rest, ok := strings.CutPrefix(path, ownDescriptors); ok {
		return filepath.Join(dir, rest)
	}
	return path
}
