package preflight

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// fileID is a directory as the kernel's table of watches names it.
type fileID struct{ dev, ino uint64 }

// identify returns the identity of a directory. The table has the device in the kernel's own form.
func identify(dir string) (id fileID, err error) {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return id, err
	}
	return fileID{uint64(unix.Major(st.Dev))<<20 | uint64(unix.Minor(st.Dev)), st.Ino}, nil
}

// process is one that watches something.
type process struct {
	pid     int
	name    string
	command string // its command line
	roots   []fileID
}

func (p process) watches(id fileID) bool { return slices.Contains(p.roots, id) }

// mirrors tells whether a process of that name is one that mirrors trees, or a part of one.
func (p process) mirrors() bool {
	return strings.HasPrefix(p.name, "sersync") || slices.Contains([]string{"lsyncd", "inotifywait", "fswatch", "incrond", "syncthing", "unison-fsmonito", "mirror"}, p.name)
}

// processes are those with watches, as far as this user may look.
type processes struct {
	list      []process
	watches   int // of this user, all processes together
	instances int
	hidden    bool // there are processes of others, which this user may not look into
}

// readProcesses looks which processes watch one of the directories (proc(5), /proc/PID/fdinfo).
func readProcesses(ctx context.Context, proc string, wanted []fileID) (all processes) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		all.hidden = true
		return all
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() || ctx.Err() != nil {
			continue
		}
		all.read(ctx, filepath.Join(proc, e.Name()), pid, wanted)
	}
	return all
}

func (all *processes) read(ctx context.Context, dir string, pid int, wanted []fileID) {
	descriptors, err := os.ReadDir(filepath.Join(dir, "fd"))
	if err != nil {
		all.hidden = all.hidden || errors.Is(err, fs.ErrPermission)
		return
	}
	p := process{pid: pid}
	own := ownedByUs(dir)
	for _, d := range descriptors {
		if link, err := os.Readlink(filepath.Join(dir, "fd", d.Name())); err != nil || link != "anon_inode:inotify" {
			continue
		}
		n, roots := readWatches(ctx, filepath.Join(dir, "fdinfo", d.Name()), wanted)
		p.roots = append(p.roots, roots...)
		if own {
			all.instances++
			all.watches += n
		}
	}
	if len(p.roots) > 0 {
		p.name = oneLine(filepath.Join(dir, "comm"))
		p.command = oneLine(filepath.Join(dir, "cmdline"))
		all.list = append(all.list, p)
	}
}

func ownedByUs(dir string) bool {
	info, err := os.Stat(dir)
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}

// oneLine is a file of /proc, whose words may end in NUL.
func oneLine(path string) string {
	data, _ := os.ReadFile(path) // a process that has ended has none
	return strings.TrimSpace(strings.ReplaceAll(string(data), "\x00", " "))
}

// readWatches counts the watches of one instance, and returns those that are wanted.
func readWatches(ctx context.Context, path string, wanted []fileID) (n int, found []fileID) {
	f, err := os.Open(path)
	if err != nil {
		return 0, nil
	}
	defer f.Close() //nolint:errcheck // only read
	lines := bufio.NewScanner(f)
	for lines.Scan() && ctx.Err() == nil {
		id, ok := parseWatch(lines.Text())
		if !ok {
			continue
		}
		n++
		if slices.Contains(wanted, id) {
			found = append(found, id)
		}
	}
	return n, found
}

// parseWatch reads "inotify wd:1 ino:2a sdev:800001 mask:...".
func parseWatch(line string) (id fileID, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 4 || fields[0] != "inotify" {
		return id, false
	}
	ino, isIno := strings.CutPrefix(fields[2], "ino:")
	dev, isDev := strings.CutPrefix(fields[3], "sdev:")
	var inoErr, devErr error
	id.ino, inoErr = strconv.ParseUint(ino, 16, 64)
	id.dev, devErr = strconv.ParseUint(dev, 16, 64)
	return id, isIno && isDev && inoErr == nil && devErr == nil
}
