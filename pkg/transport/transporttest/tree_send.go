package transporttest

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/sersync/sersync/pkg/transport"
)

// sendListed sends one name of a list. The directory that the run begins in stands for its entries,
// unless the watch root is to go alone.
func (r *ride) sendListed(name string) {
	if r.send(name); name == r.call.Batch.At && !r.call.Batch.RootAlone {
		r.sendFlat(name)
	}
}

// sendFlat sends the entries of a directory, without what is in them.
func (r *ride) sendFlat(dir string) {
	entries, err := os.ReadDir(r.here(dir))
	if err != nil {
		r.fail(dir, false, err)
	}
	for _, e := range entries {
		r.send(path.Join(dir, e.Name()))
	}
}

// sendTree sends a directory and all below it. What cannot be read here might be there:
// nothing is deleted then.
func (r *ride) sendTree(top string) {
	if info, err := os.Lstat(r.here(top)); err == nil && info.IsDir() && r.call.Batch.DeleteInside && r.call.Batch.MayDelete {
		if bad := r.unreadable(top); len(bad) > 0 {
			r.result.Withheld = append(r.result.Withheld, bad...)
		} else {
			r.deleteBelow(top)
		}
	}
	r.eachHere(top, r.send)
}

// eachHere visits what is here at and below a path, directories first.
func (r *ride) eachHere(top string, visit func(name string)) {
	_ = filepath.WalkDir(r.here(top), func(file string, e fs.DirEntry, err error) error {
		name, _ := filepath.Rel(r.Here, file)
		if name = path.Clean(name); name == "." {
			name = ""
		}
		switch {
		case err != nil:
			r.fail(name, false, err)
			return fs.SkipDir
		case r.over():
			return fs.SkipAll
		case name != "" && r.excluded(name, e.IsDir()):
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		visit(name)
		return nil
	})
}

func (r *ride) unreadable(top string) []transport.PathError {
	before := len(r.result.Failed)
	r.eachHere(top, func(string) {})
	bad := slices.Clone(r.result.Failed[before:])
	r.result.Failed = r.result.Failed[:before]
	return bad
}

// send sends one entry with the directories above it; a directory goes without what is in it.
func (r *ride) send(name string) {
	info, err := os.Lstat(r.here(name))
	if err != nil {
		r.fail(name, false, err)
		return
	}
	if most := r.call.Batch.MaxSize; info.Mode().IsRegular() && most > 0 && info.Size() > most || r.excluded(name, info.IsDir()) {
		return
	}
	if name != "" && !r.makeAbove(name) {
		return
	}
	switch {
	case info.IsDir():
		r.makeDir(name)
	case info.Mode()&fs.ModeSymlink != 0:
		r.sendLink(name)
	case info.Mode().IsRegular():
		r.sendName(name, info)
	}
}

// sendName sends a file, or has the remote link it to another name of it that this call has sent.
func (r *ride) sendName(name string, info fs.FileInfo) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !r.HardLinks || st.Nlink < 2 || r.call.Batch.Verify {
		r.sendFile(name, info)
		return
	}
	if leader, sent := r.leaders[st.Ino]; sent {
		r.linkTo(leader, name)
		return
	}
	r.sendFile(name, info)
	if there, err := os.Lstat(r.there(name)); err == nil && there.Size() == info.Size() && r.sameTime(info.ModTime(), there.ModTime()) {
		r.leaders[st.Ino] = name
	}
}

// linkTo makes a name on the remote a hard link to another one.
func (r *ride) linkTo(leader, name string) {
	first, err := os.Lstat(r.there(leader))
	if err != nil {
		r.fail(name, true, err)
		return
	}
	if second, err := os.Lstat(r.there(name)); err == nil && os.SameFile(first, second) || !r.makeWay(name) {
		return
	}
	_, err = os.Lstat(r.there(name))
	r.tell(transport.Change{Path: name, New: err != nil, Size: first.Size()})
	made := r.there(name) + ".AbCdEf"
	if err := errors.Join(os.Link(r.there(leader), made), os.Rename(made, r.there(name))); err != nil {
		r.fail(name, true, err)
	}
}

// makeAbove makes the directories above a path, as far as they lie in the one that the run begins in.
func (r *ride) makeAbove(name string) bool {
	dir, at := path.Dir(name), r.call.Batch.At
	return at != "" && (dir == at || strings.HasPrefix(at, dir+"/")) || at == name && at != "" || r.makeDir(dir)
}

// makeDir makes a directory and those above it, and tells whether it is there now. A file in its
// place is always removed.
func (r *ride) makeDir(name string) bool {
	if name == "." || name == "" {
		return true
	}
	if !r.makeAbove(name) {
		return false
	}
	info, err := os.Lstat(r.here(name))
	if err != nil {
		r.fail(name, false, err)
		return false
	}
	st, err := os.Lstat(r.there(name))
	switch {
	case err == nil && st.IsDir():
		if r.call.Batch.Kind != transport.Delete && !st.ModTime().Equal(info.ModTime()) {
			if _, told := r.dirs[name]; !told {
				r.tell(transport.Change{Path: name, Dir: true, OnlyTime: true})
			}
			r.dirs[name] = info.ModTime()
		}
		return true
	case r.call.Batch.Verify:
		if _, told := r.dirs[name]; !told {
			r.tell(transport.Change{Path: name, Dir: true, Sent: true, New: true})
			r.dirs[name] = info.ModTime()
		}
		return true
	case err == nil:
		err = os.Remove(r.there(name))
	default:
		err = nil
	}
	if err == nil {
		err = os.Mkdir(r.there(name), info.Mode().Perm())
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		r.fail(name, true, err)
		return false
	}
	r.tell(transport.Change{Path: name, Dir: true, Sent: true, New: true})
	r.dirs[name] = info.ModTime()
	return true
}

// stampDirs gives directories their times, when all in them is done.
func (r *ride) stampDirs() {
	if r.call.Batch.Verify {
		return
	}
	for name, at := range r.dirs {
		_ = os.Chtimes(r.there(name), at, at) // it may be gone again
	}
}

// makeWay removes what is in the place of a file or link; false: it stays.
func (r *ride) makeWay(name string) bool {
	st, err := os.Lstat(r.there(name))
	switch {
	case err != nil:
		return true
	case !st.IsDir():
		return st.Mode().IsRegular() || r.call.Batch.Verify || os.Remove(r.there(name)) == nil
	case r.call.Batch.MayDelete || r.asks():
		r.deleteBelow(name)
	}
	if r.call.Batch.Verify {
		return true
	}
	if err := os.Remove(r.there(name)); err != nil {
		r.fail(name, true, err)
		return false
	}
	return true
}

func (r *ride) sendLink(name string) {
	to, err := os.Readlink(r.here(name))
	if err != nil {
		r.fail(name, false, err)
		return
	}
	was, err := os.Readlink(r.there(name))
	if err == nil && was == to || !r.makeWay(name) {
		return
	}
	_, err = os.Lstat(r.there(name))
	r.tell(transport.Change{Path: name, Link: true, Sent: true, New: err != nil})
	if r.call.Batch.Verify {
		return
	}
	if err == nil {
		_ = os.Remove(r.there(name))
	}
	if err := os.Symlink(to, r.there(name)); err != nil {
		r.fail(name, true, err)
	}
}

func (r *ride) sendFile(name string, info fs.FileInfo) {
	if !r.makeWay(name) {
		return
	}
	data, err := os.ReadFile(r.here(name))
	if err != nil {
		r.fail(name, false, err)
		return
	}
	c := transport.Change{Path: name, Size: info.Size(), Sent: true}
	if st, err := os.Lstat(r.there(name)); err == nil && st.Mode().IsRegular() {
		sameTime := r.sameTime(info.ModTime(), st.ModTime())
		switch equal := r.equal(name, info, st, data, sameTime); {
		case r.keeps(info.ModTime(), st.ModTime()), !r.call.Batch.Anew && equal && sameTime && info.Mode().Perm() == st.Mode().Perm():
			return
		case r.call.Batch.Anew:
		case equal:
			c.Sent, c.OnlyTime = false, !sameTime && info.Mode().Perm() == st.Mode().Perm()
		default:
			c.OnlyTime = !r.call.Batch.Contents && info.Size() == st.Size() && !sameTime && info.Mode().Perm() == st.Mode().Perm()
		}
	} else {
		if r.link(name, info) {
			return
		}
		c.New = true
	}
	if r.tell(c); r.call.Batch.Verify {
		return
	}
	if err := r.write(name, info, data, c.Sent); err != nil {
		r.fail(name, true, err)
	}
}

// link makes a file that the remote lacks a hard link to a copy that the remote has elsewhere.
func (r *ride) link(name string, info fs.FileInfo) bool {
	b := r.call.Batch
	if !b.Linked || b.Verify || !b.Caps.Takes(transport.Elsewhere) {
		return false
	}
	rel, err := filepath.Rel(r.here(b.At), r.here(name))
	if err != nil {
		return false
	}
	of := filepath.Join(r.there(b.Of), rel)
	st, err := os.Lstat(of)
	return err == nil && st.Mode() == info.Mode() && st.Size() == info.Size() && r.sameTime(info.ModTime(), st.ModTime()) && os.Link(of, r.there(name)) == nil
}

// write puts a file in its place at once; without content only its attributes are set.
func (r *ride) write(name string, info fs.FileInfo, data []byte, content bool) error {
	file := r.there(name)
	if content {
		file = filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+".AbCdEf")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return err
		}
	}
	err := errors.Join(os.Chmod(file, info.Mode().Perm()), os.Chtimes(file, info.ModTime(), info.ModTime()))
	if content && err == nil {
		err = os.Rename(file, r.there(name))
	}
	return err
}
