package confxml

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// othersWrite is the permission of everybody else to write a file. others is any permission of
// everybody else: rsync refuses a password file that has one.
const (
	othersWrite fs.FileMode = 0o002
	others      fs.FileMode = 0o006
)

// CheckHost compares the configuration with this host's file system: watch paths, the fail script's
// place, password files, overlaps, rsync's parameters. It changes nothing. Problems of one kind
// come in file order. Fatal picks those that must keep a sync from starting. Relative paths are
// relative to the working directory, so call it before the program changes that.
func (c Config) CheckHost() []Problem {
	h := hostCheck{config: c, problems: c.CheckFile()}
	h.watches()
	h.overlaps()
	h.outputs()
	h.kinds()
	h.targets()
	h.passwordFiles()
	h.params()
	h.backups()
	return h.problems
}

// CheckFile is what CheckHost says about the configuration file itself, which
// is all that matters where only a plugin runs (-m).
func (c Config) CheckFile() []Problem {
	h := hostCheck{config: c}
	h.configFile()
	return h.problems
}

// hostCheck is one run of CheckHost.
type hostCheck struct {
	config   Config
	roots    []root
	problems []Problem
}

// root is a watch path with its symlinks and ".." resolved.
type root struct {
	path  string
	watch string
	line  int
}

func (h *hostCheck) add(line int, element, message, remedy string, severity Severity) {
	h.problems = append(h.problems, Problem{File: h.config.File, Line: line, Element: element, Message: message, Remedy: remedy, Severity: severity})
}

// configFile checks who can write the configuration file: whoever can runs commands as the user of
// sersync.
func (h *hostCheck) configFile() {
	info, err := os.Stat(h.config.File)
	if err != nil {
		return // read from elsewhere
	}
	if !info.Mode().IsRegular() {
		return
	}
	if info.Mode()&othersWrite != 0 {
		h.add(0, "", fmt.Sprintf("every user of this host can change it (mode %04o)", info.Mode().Perm()), "chmod o-w it", Warning)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		h.add(0, "", fmt.Sprintf("user %d, who owns it, decides what runs as user %d", st.Uid, os.Geteuid()), "chown it to root", Warning)
	}
}

// watches resolves every watch path.
func (h *hostCheck) watches() {
	for _, l := range h.config.LocalPaths {
		if l.Watch == "" {
			continue // ValidateSync
		}
		path, cause, severity := resolveDir(l.Watch)
		if cause == "" && path == "/" && !l.AllowRoot {
			cause, severity = `is the root of the whole system; name a directory below it, or permit it with allowroot="true"`, Refusal
		}
		if cause != "" {
			cause, remedy, _ := strings.Cut(cause, "; ")
			h.add(l.Line, "sersync/localpath@watch", quoteName(l.Watch)+" "+cause, remedy, severity)
			continue
		}
		h.roots = append(h.roots, root{path, l.Watch, l.Line})
	}
}

// resolveDir returns the real path of a directory, or why there is none and what
// to do about it, with a semicolon between.
func resolveDir(watch string) (path, cause string, severity Severity) {
	info, err := os.Stat(watch) // first what the kernel says
	if err == nil {
		path, err = RealPath(watch)
	}
	switch {
	case err == nil && info.IsDir():
		return path, "", Note
	case err == nil || errors.Is(err, syscall.ENOTDIR):
		return "", "is not a directory; name the directory that holds it", Refusal
	case errors.Is(err, fs.ErrNotExist):
		return "", "does not exist; create it or correct the path", Refusal
	case errors.Is(err, fs.ErrPermission):
		return "", "may not be entered by this user; run as root or grant access", Refusal
	case errors.Is(err, syscall.ELOOP):
		return "", "is a loop of symbolic links; name the directory itself", Refusal
	}
	// A network file system may come back.
	return "", fmt.Sprintf("cannot be looked at (%v); check the file system below it", reason(err)), Warning
}

// reason is an error without the path, which the message names already.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// RealPath makes a path absolute and resolves links and "..", as the kernel does: after a link to
// another place, ".." is the directory above that place. This program names and compares watch
// paths in this form only.
func RealPath(path string) (string, error) {
	path, err := absolute(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// AbsPath is the path as RealPath has it where no link is in it.
func AbsPath(path string) (string, error) {
	path, err := absolute(path)
	return filepath.Clean(path), err
}

func absolute(path string) (string, error) {
	if filepath.IsAbs(path) {
		return path, nil
	}
	dir, err := os.Getwd()
	return dir + "/" + path, err // not Join: "link/.." is not "."
}

// overlaps names localpaths that are the same directory or inside another.
func (h *hostCheck) overlaps() {
	seen := map[string]root{}
	for _, r := range h.roots {
		if other, ok := seen[r.path]; ok {
			h.add(r.line, "sersync/localpath@watch", fmt.Sprintf("%s is the same directory as in line %d: both are synced to their own remotes", quoteName(r.watch), other.line), "join their <remote> elements in one <localpath>", Warning)
			continue
		}
		seen[r.path] = r
	}
	for _, r := range h.roots {
		if outer, ok := within(seen, filepath.Dir(r.path)); ok && r.path != "/" {
			h.add(r.line, "sersync/localpath@watch", fmt.Sprintf("%s is inside %s of line %d: both are synced, and where their targets overlap the last writer wins", quoteName(r.watch), quoteName(outer.watch), outer.line), "exclude it there or remove one", Warning)
		}
	}
}

// within returns the root that path is, or the innermost one above it.
func within(roots map[string]root, path string) (root, bool) {
	for {
		if r, ok := roots[path]; ok {
			return r, true
		}
		if path == "/" || path == "." {
			return root{}, false
		}
		path = filepath.Dir(path)
	}
}

// outputs checks that this program does not write into a tree that it watches: each write would be
// a change that causes the next one.
func (h *hostCheck) outputs() {
	roots := map[string]root{}
	for _, r := range h.roots {
		if _, ok := roots[r.path]; !ok {
			roots[r.path] = r
		}
	}
	stateDir := h.config.State.Dir
	if stateDir != "" {
		stateDir += "/." // the directory itself, not its parent
	}
	for _, out := range []struct {
		path, element string
		line          int
		fatal         bool
	}{
		{h.config.FailLog.Path, "sersync/failLog@path", h.config.FailLog.Line, true},
		{h.config.Log.File, "log@file", 0, false},
		{stateDir, "state@dir", 0, false},
		{h.config.State.PIDFile, "state@pidfile", 0, false},
	} {
		if out.path == "" {
			continue
		}
		dir := parentDir(out.path)
		made := filepath.Clean(dir) == filepath.Clean(h.config.State.Dir) // at every start
		if _, err := RealPath(dir); errors.Is(err, fs.ErrNotExist) && out.fatal && !made {
			h.add(out.line, out.element, fmt.Sprintf("the directory of %s does not exist: no fail script can be written", quoteName(out.path)), "create it", Warning)
		}
		if r, ok := within(roots, nearest(dir)); ok {
			severity := Warning
			if out.fatal {
				severity = Refusal
			}
			h.add(out.line, out.element, fmt.Sprintf("%s is inside the watched %s: writing it would be a change to sync, without end", quoteName(out.path), quoteName(r.watch)), "move it elsewhere", severity)
		}
	}
}

// kinds checks that the paths that this program writes to are files, and that the state directory
// is a directory.
func (h *hostCheck) kinds() {
	if info, err := os.Stat(h.config.FailLog.Path); err == nil && info.IsDir() {
		h.add(h.config.FailLog.Line, "sersync/failLog@path", quoteName(h.config.FailLog.Path)+" is a directory: no fail script can be written", "name a file in it", Warning)
	}
	if info, err := os.Stat(h.config.State.Dir); err == nil && !info.IsDir() {
		h.add(0, "state@dir", quoteName(h.config.State.Dir)+" is not a directory: no state can be kept", "name a directory", Warning)
	}
}

// parentDir is the path up to its last component. Unlike filepath.Dir it leaves
// ".." alone, which means something else behind a link.
func parentDir(path string) string {
	switch i := strings.LastIndexByte(path, '/'); i {
	case -1:
		return "."
	case 0:
		return "/"
	default:
		return path[:i]
	}
}

// nearest is the real path of a directory or of the first one above it that
// exists.
func nearest(dir string) string {
	for {
		path, err := RealPath(dir)
		if err == nil {
			return path
		}
		up := parentDir(dir)
		if up == dir {
			return "/"
		}
		dir = up
	}
}

// targets names targets that are given twice.
func (h *hostCheck) targets() {
	type target struct {
		ip, name string
		ssh      bool
		port     int
	}
	type place struct{ localPath, line int }
	seen := map[target]place{}
	for i, l := range h.config.LocalPaths {
		for _, m := range l.Remotes {
			t := target{lower(m.IP), strings.TrimRight(m.Name, "/"), m.SSH, m.Port}
			other, ok := seen[t]
			switch {
			case !ok:
				seen[t] = place{i, m.Line}
			case other.localPath == i:
				h.add(m.Line, "sersync/localpath/remote", fmt.Sprintf("the same target as in line %d: it receives everything twice", other.line), "remove one", Warning)
			default:
				h.add(m.Line, "sersync/localpath/remote", fmt.Sprintf("the same target as in line %d for another localpath: both are synced into it, the last writer wins, and a full sync of one deletes what the other sent", other.line), "give each a module or sub-path of its own", Warning)
			}
		}
	}
}
