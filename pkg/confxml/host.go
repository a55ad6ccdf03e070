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

// othersWrite is the permission of everybody else to write a file, others is
// any access of theirs: rsync refuses a password file with it.
const (
	othersWrite fs.FileMode = 0o002
	others      fs.FileMode = 0o006
)

// CheckHost compares the configuration with this host's file system: watch
// paths, the fail script's place, password files, overlaps. It only looks. The
// problems come in file order per kind; those that are Fatal must keep a sync
// from starting, see Fatal. Relative paths are taken relative to the working
// directory, so call it before that changes.
func (c Config) CheckHost() []Problem {
	h := hostCheck{config: c, problems: c.CheckFile()}
	h.watches()
	h.overlaps()
	h.outputs()
	h.targets()
	h.passwordFiles()
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

func (h *hostCheck) add(line int, element, message string, fatal bool) {
	h.problems = append(h.problems, Problem{File: h.config.File, Line: line, Element: element, Message: message, Fatal: fatal})
}

// configFile: whoever can write it runs commands as the user of sersync.
func (h *hostCheck) configFile() {
	info, err := os.Stat(h.config.File)
	if err != nil {
		return // read from elsewhere
	}
	if !info.Mode().IsRegular() {
		return
	}
	if info.Mode()&othersWrite != 0 {
		h.add(0, "", fmt.Sprintf("every user of this host can change it (mode %04o): chmod o-w it", info.Mode().Perm()), false)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		h.add(0, "", fmt.Sprintf("user %d, who owns it, decides what runs as user %d: chown it to root", st.Uid, os.Geteuid()), false)
	}
}

// watches resolves every watch path.
func (h *hostCheck) watches() {
	for _, l := range h.config.LocalPaths {
		if l.Watch == "" {
			continue // ValidateSync
		}
		path, cause, fatal := resolveDir(l.Watch)
		if cause == "" && path == "/" && !l.AllowRoot {
			cause, fatal = `is the root of the whole system: name a directory below it, or permit it with allowroot="true"`, true
		}
		if cause != "" {
			h.add(l.Line, "sersync/localpath@watch", quoteName(l.Watch)+" "+cause, fatal)
			continue
		}
		h.roots = append(h.roots, root{path, l.Watch, l.Line})
	}
}

// resolveDir returns the real path of a directory, or why there is none.
func resolveDir(watch string) (path, cause string, fatal bool) {
	info, err := os.Stat(watch) // the kernel's verdict first
	if err == nil {
		path, err = realPath(watch)
	}
	switch {
	case err == nil && info.IsDir():
		return path, "", false
	case err == nil || errors.Is(err, syscall.ENOTDIR):
		return "", "is not a directory: name the directory that holds it", true
	case errors.Is(err, fs.ErrNotExist):
		return "", "does not exist: create it or correct the path", true
	case errors.Is(err, fs.ErrPermission):
		return "", "may not be entered by this user: run as root or grant access", true
	case errors.Is(err, syscall.ELOOP):
		return "", "is a loop of symbolic links: name the directory itself", true
	}
	// A network file system may come back.
	return "", fmt.Sprintf("cannot be looked at: %v: check the file system below it", reason(err)), false
}

// reason is an error without the path, which the message names already.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// realPath makes a path absolute and resolves links and "..", in this order,
// as the kernel does.
func realPath(path string) (string, error) {
	if !filepath.IsAbs(path) {
		dir, err := os.Getwd()
		if err != nil {
			return "", err
		}
		path = dir + "/" + path // not Join: "link/.." is not "."
	}
	return filepath.EvalSymlinks(path)
}

// overlaps names localpaths that are the same directory or inside another.
func (h *hostCheck) overlaps() {
	seen := map[string]root{}
	for _, r := range h.roots {
		if other, ok := seen[r.path]; ok {
			h.add(r.line, "sersync/localpath@watch", fmt.Sprintf("%s is the same directory as in line %d: both are synced to their own remotes; join their <remote> elements in one <localpath>", quoteName(r.watch), other.line), false)
			continue
		}
		seen[r.path] = r
	}
	for _, r := range h.roots {
		if outer, ok := within(seen, filepath.Dir(r.path)); ok && r.path != "/" {
			h.add(r.line, "sersync/localpath@watch", fmt.Sprintf("%s is inside %s of line %d: both are synced, and where their targets overlap the last writer wins; exclude it there or remove one", quoteName(r.watch), quoteName(outer.watch), outer.line), false)
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

// outputs: what this program writes must not be what it watches, or each write
// is a change that causes the next one.
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
		if _, err := realPath(dir); errors.Is(err, fs.ErrNotExist) && out.fatal {
			h.add(out.line, out.element, fmt.Sprintf("the directory of %s does not exist: no fail script can be written; create it", quoteName(out.path)), false)
		}
		if r, ok := within(roots, nearest(dir)); ok {
			h.add(out.line, out.element, fmt.Sprintf("%s is inside the watched %s: writing it would be a change to sync, without end; move it elsewhere", quoteName(out.path), quoteName(r.watch)), out.fatal)
		}
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
		path, err := realPath(dir)
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
				h.add(m.Line, "sersync/localpath/remote", fmt.Sprintf("the same target as in line %d: it receives everything twice; remove one", other.line), false)
			default:
				h.add(m.Line, "sersync/localpath/remote", fmt.Sprintf("the same target as in line %d for another localpath: both are synced into it, the last writer wins, and a full sync of one deletes what the other sent; give each a module or sub-path of its own", other.line), false)
			}
		}
	}
}
