package testkit

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Op is one operation on a tree: its name and its arguments. Numbers are decimal text, paths are
// raw bytes.
type Op []string

// Tree carries out operations below Src, by its own system calls; only sh uses a shell. A path that
// begins with a slash is taken as it is.
type Tree struct {
	Src string
	// Other carries out operations that are not about files; nil: these are refused.
	Other func(Op) error

	open map[string]*os.File // the open files by their paths
}

// Do carries out one operation.
func (t *Tree) Do(op Op) error {
	run, ok := treeOps()[op[0]]
	if !ok {
		if t.Other == nil {
			return fmt.Errorf("unknown operation %q", op[0])
		}
		return t.Other(op)
	}
	if len(op)-1 < run.args {
		return fmt.Errorf("%s: %d arguments, want %d", op[0], len(op)-1, run.args)
	}
	if err := run.do(t, op[1:]); err != nil {
		return fmt.Errorf("%s: %w", op[0], err)
	}
	return nil
}

// DoAll carries out operations in order and stops at the first one that fails.
func (t *Tree) DoAll(ops ...Op) error {
	for _, op := range ops {
		if err := t.Do(op); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tree) path(p string) string {
	if strings.HasPrefix(p, "/") {
		return p
	}
	if p == "" {
		return t.Src
	}
	return t.Src + "/" + p
}

type treeOp struct {
	args int // the least number of arguments
	do   func(*Tree, []string) error
}

// treeOps returns the operations by name.
func treeOps() map[string]treeOp {
	return map[string]treeOp{
		"write":       {1, (*Tree).write},
		"append":      {2, func(t *Tree, a []string) error { return t.put(a[0], a[1], os.O_APPEND|os.O_CREATE) }},
		"writemany":   {2, (*Tree).writeMany},
		"rewritemany": {2, (*Tree).rewriteMany},
		"appendmany":  {2, (*Tree).appendMany},
		"renamemany":  {3, (*Tree).renameMany},
		"open":        {1, (*Tree).openFile},
		"fdwrite":     {2, func(t *Tree, a []string) error { _, err := t.open[a[0]].WriteString(a[1]); return err }},
		"close":       {1, func(t *Tree, a []string) error { return t.open[a[0]].Close() }},
		"mkdir":       {1, func(t *Tree, a []string) error { return os.Mkdir(t.path(a[0]), 0o755) }},
		"mkdirp":      {1, func(t *Tree, a []string) error { return os.MkdirAll(t.path(a[0]), 0o755) }},
		"rm":          {1, func(t *Tree, a []string) error { return unix.Unlink(t.path(a[0])) }},
		"rmdir":       {1, func(t *Tree, a []string) error { return unix.Rmdir(t.path(a[0])) }},
		"rmrf":        {1, func(t *Tree, a []string) error { return os.RemoveAll(t.path(a[0])) }},
		"mv":          {2, func(t *Tree, a []string) error { return unix.Rename(t.path(a[0]), t.path(a[1])) }},
		"symlink":     {2, func(t *Tree, a []string) error { return unix.Symlink(a[0], t.path(a[1])) }},
		"link":        {2, func(t *Tree, a []string) error { return unix.Link(t.path(a[0]), t.path(a[1])) }},
		"mkfifo":      {1, func(t *Tree, a []string) error { return unix.Mkfifo(t.path(a[0]), 0o644) }},
		"chmod":       {2, (*Tree).chmod},
		"chown":       {3, (*Tree).chown},
		"touch":       {1, (*Tree).touch},
		"truncate":    {2, (*Tree).truncate},
		"setxattr":    {3, func(t *Tree, a []string) error { return unix.Setxattr(t.path(a[0]), a[1], []byte(a[2]), 0) }},
		"sh":          {1, (*Tree).shell},
		"sleep":       {1, (*Tree).sleep},
	}
}

func (t *Tree) put(path, text string, flags int) error {
	f, err := os.OpenFile(t.path(path), os.O_WRONLY|flags, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// write makes or replaces a file; if no text is given the file has a line with an x.
func (t *Tree) write(a []string) error {
	text := "x\n"
	if len(a) > 1 {
		text = a[1]
	}
	return t.put(a[0], text, os.O_CREATE|os.O_TRUNC)
}

func (t *Tree) writeMany(a []string) error {
	return times(a[1], func(i int) error {
		return t.write([]string{fmt.Sprintf(a[0], i), strconv.Itoa(i) + "\n"})
	})
}

func (t *Tree) rewriteMany(a []string) error {
	return times(a[1], func(i int) error { return t.write([]string{a[0], strconv.Itoa(i) + "\n"}) })
}

// appendMany writes N lines through one descriptor.
func (t *Tree) appendMany(a []string) error {
	if err := t.openFile(a); err != nil {
		return err
	}
	f := t.open[a[0]]
	err := times(a[1], func(i int) error { _, err := fmt.Fprintln(f, i); return err })
	return errors.Join(err, f.Close())
}

// renameMany moves A to B and back, N times.
func (t *Tree) renameMany(a []string) error {
	x, y := t.path(a[0]), t.path(a[1])
	return times(a[2], func(int) error {
		return errors.Join(unix.Rename(x, y), unix.Rename(y, x))
	})
}

func (t *Tree) openFile(a []string) error {
	f, err := os.OpenFile(t.path(a[0]), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	if t.open == nil {
		t.open = map[string]*os.File{}
	}
	t.open[a[0]] = f
	return nil
}

func (t *Tree) chmod(a []string) error {
	mode, err := strconv.ParseUint(a[1], 8, 32)
	if err != nil {
		return err
	}
	return unix.Chmod(t.path(a[0]), uint32(mode))
}

func (t *Tree) chown(a []string) error {
	uid, err1 := strconv.Atoi(a[1])
	gid, err2 := strconv.Atoi(a[2])
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	return os.Lchown(t.path(a[0]), uid, gid)
}

// touch sets both times, to now or to a number of seconds since 1970, without opening the file.
func (t *Tree) touch(a []string) error {
	when := time.Now()
	if len(a) > 1 {
		sec, err := strconv.ParseInt(a[1], 10, 64)
		if err != nil {
			return err
		}
		when = time.Unix(sec, 0)
	}
	return os.Chtimes(t.path(a[0]), when, when)
}

func (t *Tree) truncate(a []string) error {
	size, err := strconv.ParseInt(a[1], 10, 64)
	if err != nil {
		return err
	}
	return unix.Truncate(t.path(a[0]), size)
}

func (t *Tree) shell(a []string) error {
	cmd := exec.Command("/bin/sh", "-c", a[0])
	cmd.Dir = filepath.Clean(t.Src)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// sleep is a part of a recorded run: it keeps the operations before and after it apart as they were
// recorded. It waits for no condition.
func (t *Tree) sleep(a []string) error {
	sec, err := strconv.ParseFloat(a[0], 64)
	if err != nil {
		return err
	}
	<-time.After(time.Duration(sec * float64(time.Second)))
	return nil
}

func times(n string, do func(int) error) error {
	count, err := strconv.Atoi(n)
	if err != nil {
		return err
	}
	for i := range count {
		if err := do(i); err != nil {
			return err
		}
	}
	return nil
}
