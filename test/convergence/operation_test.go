package convergence

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// operation is one kind of change. do returns a description of the change for the journal, and the
// paths that it touched.
type operation struct {
	weight int
	do     func() (what string, paths []string, err error)
}

// table lists the operations that the mode transfers.
func (w *writer) table() []operation {
	t := []operation{
		{14, w.write}, {6, w.appendTo}, {8, w.twice}, {4, w.shorten}, {3, w.sparse},
		{8, w.edit}, {4, w.older}, {3, w.olderInPlace},
		{10, w.mkdir}, {8, w.mkdirWithFiles},
		{8, w.renameFile}, {7, w.renameDir}, {3, w.exchange}, {4, w.moveOut}, {5, w.moveIn}, {3, w.moveDirIn},
		{8, w.remove}, {3, w.removeTree},
		{4, w.symlink}, {3, w.hardlink}, {4, w.throughGoing}, {2, w.fifo}, {1, w.unnamed},
	}
	if !w.m.noDelete {
		t = append(t, operation{4, w.dirForFile}, operation{4, w.fileForDir})
	}
	if w.m.attributes {
		t = append(t, operation{6, w.chmod}, operation{5, w.chown}, operation{4, w.truncate}, operation{4, w.touch})
	}
	return t
}

// open opens a regular file for writing. It follows no link and does not wait for the reader of a
// fifo.
func (w *writer) open(rel string, flags int) (*os.File, error) {
	if w.silent(rel) {
		return nil, os.ErrPermission
	}
	modes := []os.FileMode{0o600, 0o644, 0o644, 0o755}
	return os.OpenFile(w.full(rel), os.O_WRONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|flags, modes[w.rnd.IntN(len(modes))])
}

func (w *writer) put(rel string, flags int, text []byte, then ...func(*os.File) error) error {
	f, err := w.open(rel, flags)
	if err != nil {
		return err
	}
	// The file is written in two parts, so that a reader may find it half written.
	_, err = f.Write(text[:len(text)/2])
	if err == nil {
		_, err = f.Write(text[len(text)/2:])
	}
	for _, do := range then {
		err = errors.Join(err, do(f))
	}
	return errors.Join(err, f.Close())
}

func (w *writer) write() (string, []string, error) {
	p, text := w.file(), w.text()
	err := w.put(p, os.O_CREATE|os.O_TRUNC, text)
	return fmt.Sprintf("write %q %d bytes", p, len(text)), []string{p}, err
}

func (w *writer) appendTo() (string, []string, error) {
	p, text := w.file(), w.text()
	err := w.put(p, os.O_CREATE|os.O_APPEND, text)
	return fmt.Sprintf("append %q %d bytes", p, len(text)), []string{p}, err
}

// twice writes another content of the same size within the same second.
func (w *writer) twice() (string, []string, error) {
	p := w.file()
	first := w.text()
	second := append([]byte{'2'}, first[1:]...)
	err := errors.Join(w.put(p, os.O_CREATE|os.O_TRUNC, first), w.put(p, 0, second))
	return fmt.Sprintf("write twice %q %d bytes", p, len(first)), []string{p}, err
}

// shorten truncates a file through a descriptor, whose close causes an event.
func (w *writer) shorten() (string, []string, error) {
	p, size := w.file(), w.rnd.Int64N(100)
	err := w.put(p, 0, nil, func(f *os.File) error { return f.Truncate(size) })
	return fmt.Sprintf("ftruncate %q %d", p, size), []string{p}, err
}

func (w *writer) sparse() (string, []string, error) {
	p := w.file()
	err := w.put(p, os.O_CREATE, w.text(), func(f *os.File) error { return f.Truncate(1 << 20) })
	return fmt.Sprintf("sparse %q", p), []string{p}, err
}

// edit saves a file as editors do: under another name, with a rename over the old one.
func (w *writer) edit() (string, []string, error) {
	p := w.file()
	tmps := []string{p + "~", joined(dirOf(p), ".edit."+w.name), joined(dirOf(p), "edit-"+w.name)}
	tmp := w.pick(tmps)
	err := w.put(tmp, os.O_CREATE|os.O_TRUNC, w.text())
	if err == nil {
		err = os.Rename(w.full(tmp), w.full(p))
	}
	return fmt.Sprintf("edit %q through %q", p, tmp), []string{p, tmp}, err
}

func dirOf(rel string) string {
	for i := len(rel) - 1; i >= 0; i-- {
		if rel[i] == '/' {
			return rel[:i]
		}
	}
	return ""
}

// past sets the times to a moment long ago, through a descriptor, as cp -p and tar do before they
// close a file.
func (w *writer) past(f *os.File) error {
	when := time.Now().Add(-time.Duration(1+w.rnd.IntN(1_000_000)) * time.Second)
	tv := unix.NsecToTimeval(when.UnixNano())
	return unix.Futimes(int(f.Fd()), []unix.Timeval{tv, tv})
}

// older replaces a file with one that has an older time.
func (w *writer) older() (string, []string, error) {
	p := w.file()
	tmp := w.out + "/older-" + w.name
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err == nil {
		_, err = f.Write(w.text())
		err = errors.Join(err, w.past(f), f.Close())
	}
	if err == nil {
		err = os.Rename(tmp, w.full(p))
	}
	return fmt.Sprintf("replace %q by an older file", p), []string{p}, err
}

func (w *writer) olderInPlace() (string, []string, error) {
	p := w.file()
	err := w.put(p, os.O_CREATE|os.O_TRUNC, w.text(), w.past)
	return fmt.Sprintf("cp -p over %q", p), []string{p}, err
}

func (w *writer) mkdir() (string, []string, error) {
	p := w.below()
	err := os.MkdirAll(w.full(p), 0o755)
	return fmt.Sprintf("mkdir -p %q", p), []string{p}, err
}

// mkdirWithFiles makes a directory with files in it, before anyone can have seen the directory.
func (w *writer) mkdirWithFiles() (string, []string, error) {
	p := w.below()
	err := os.MkdirAll(w.full(p), 0o755)
	for range 3 {
		err = errors.Join(err, w.put(joined(p, w.pick(w.m.fileNames())), os.O_CREATE|os.O_TRUNC, w.text()))
	}
	return fmt.Sprintf("mkdir -p %q with files", p), []string{p}, err
}

// rename moves a name. In the mode without deletions directories and files have different names, so
// that neither ever takes the other's place.
func (w *writer) rename(from, to string) error { return unix.Rename(w.full(from), w.full(to)) }

func (w *writer) exists(rel string) bool {
	_, err := os.Lstat(w.full(rel))
	return err == nil
}

func (w *writer) isDir(rel string) bool {
	info, err := os.Lstat(w.full(rel))
	return err == nil && info.IsDir()
}

func (w *writer) renameFile() (string, []string, error) {
	a, b := w.file(), w.file()
	return fmt.Sprintf("mv %q %q", a, b), []string{a, b}, w.rename(a, b)
}

func (w *writer) renameDir() (string, []string, error) {
	a, b := w.below(), w.below()
	return fmt.Sprintf("mv %q %q", a, b), []string{a, b}, w.rename(a, b)
}

// exchange swaps two names in one system call.
func (w *writer) exchange() (string, []string, error) {
	a, b := w.file(), w.file()
	if w.rnd.IntN(2) == 0 {
		a, b = w.below(), w.below()
	}
	err := unix.Renameat2(unix.AT_FDCWD, w.full(a), unix.AT_FDCWD, w.full(b), unix.RENAME_EXCHANGE)
	return fmt.Sprintf("exchange %q %q", a, b), []string{a, b}, err
}

func (w *writer) moveOut() (string, []string, error) {
	p := w.file()
	if w.rnd.IntN(3) == 0 {
		p = w.below()
	}
	gone := fmt.Sprintf("%s/out-%s-%d", w.out, w.name, w.made)
	w.made++
	return fmt.Sprintf("mv %q out", p), []string{p}, os.Rename(w.full(p), gone)
}

func (w *writer) moveIn() (string, []string, error) {
	p := w.file()
	tmp := w.out + "/in-" + w.name
	err := os.WriteFile(tmp, w.text(), 0o644)
	if err == nil {
		err = os.Rename(tmp, w.full(p))
	}
	return fmt.Sprintf("mv a file in as %q", p), []string{p}, err
}

// moveDirIn moves a tree with files into the watch root; it may replace an empty directory.
func (w *writer) moveDirIn() (string, []string, error) {
	p := w.below()
	w.made++
	tmp := fmt.Sprintf("%s/tree-%s-%d", w.out, w.name, w.made)
	err := os.MkdirAll(tmp+"/db/da", 0o755)
	for _, name := range []string{"f1", "db/f2", "db/da/f3", "db/x.gz"} {
		err = errors.Join(err, os.WriteFile(tmp+"/"+name, w.text(), 0o644))
	}
	err = errors.Join(err, os.Symlink("../f1", tmp+"/db/f4"))
	if err == nil {
		err = os.Rename(tmp, w.full(p))
	}
	return fmt.Sprintf("mv a tree in as %q", p), []string{p}, err
}

func (w *writer) remove() (string, []string, error) {
	p := w.file()
	return fmt.Sprintf("rm %q", p), []string{p}, unix.Unlink(w.full(p))
}

func (w *writer) removeTree() (string, []string, error) {
	p := w.below()
	if !w.exists(p) {
		return "", nil, os.ErrNotExist
	}
	return fmt.Sprintf("rm -rf %q", p), []string{p}, w.removeAll(p)
}

func (w *writer) symlink() (string, []string, error) {
	p := w.file()
	targets := []string{"f1", "../f2", "nowhere", "/no/such/place", ".", p}
	to := w.pick(targets)
	return fmt.Sprintf("ln -s %q %q", to, p), []string{p}, os.Symlink(to, w.full(p))
}

func (w *writer) hardlink() (string, []string, error) {
	a, b := w.file(), w.file()
	if w.isDir(a) {
		return "", nil, os.ErrInvalid
	}
	err := os.Link(w.full(a), w.full(b))
	if err == nil {
		w.links = append(w.links, madeLink{b, time.Now()})
	}
	return fmt.Sprintf("ln %q %q", a, b), []string{a, b}, err
}

// madeLink is a hard link, with the time at which it was made.
type madeLink struct {
	name string
	at   time.Time
}

// linkAge is how old a link has to be before it is written through and removed: no program can
// notice a link that is made, written through and removed within a moment.
const linkAge = 2 * time.Second

// throughGoing writes a file of several names through one of these names. That name is removed,
// replaced or moved away before or after the file is closed.
func (w *writer) throughGoing() (string, []string, error) {
	if len(w.links) == 0 || time.Since(w.links[0].at) < linkAge {
		return "", nil, os.ErrNotExist
	}
	p := w.links[0].name
	w.links = w.links[1:]
	out, how, early := fmt.Sprintf("%s/link-%s-%d", w.out, w.name, w.made), w.rnd.IntN(3), w.rnd.IntN(2) == 0
	goes := func() error {
		switch how {
		case 0:
			return unix.Unlink(w.full(p))
		case 1:
			return errors.Join(os.WriteFile(out, w.text(), 0o644), os.Rename(out, w.full(p)))
		default:
			return os.Rename(w.full(p), out)
		}
	}
	f, err := w.open(p, os.O_APPEND)
	if err != nil {
		return "", nil, err
	}
	if early {
		err = goes()
	}
	_, wrote := f.Write(w.text())
	err = errors.Join(err, wrote, f.Close())
	if !early {
		err = errors.Join(err, goes())
	}
	return fmt.Sprintf("write through %q, which goes (%d, before the close: %v)", p, how, early), []string{p}, err
}

func (w *writer) fifo() (string, []string, error) {
	p := w.file()
	return fmt.Sprintf("mkfifo %q", p), []string{p}, unix.Mkfifo(w.full(p), 0o640)
}

// unnamed writes a file without a name (O_TMPFILE) and then gives it one: under that name the file
// is never closed.
func (w *writer) unnamed() (string, []string, error) {
	p := w.file()
	fd, err := unix.Open(w.full(dirOf(p)), unix.O_WRONLY|unix.O_TMPFILE|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return "", nil, err
	}
	f := os.NewFile(uintptr(fd), p)
	_, err = f.Write(w.text())
	err = errors.Join(err, unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), unix.AT_FDCWD, w.full(p), unix.AT_SYMLINK_FOLLOW))
	return fmt.Sprintf("link an unnamed file as %q", p), []string{p}, errors.Join(err, f.Close())
}

// removeAll removes a tree. os.RemoveAll would open what it takes for the parent, and would wait
// for ever where another writer has put a fifo.
func (w *writer) removeAll(rel string) error {
	root, err := os.OpenRoot(w.src)
	if err != nil {
		return err
	}
	return errors.Join(root.RemoveAll(rel), root.Close())
}

// dirForFile puts a directory where a file was.
func (w *writer) dirForFile() (string, []string, error) {
	p := w.file()
	err := w.removeAll(p)
	if err == nil {
		err = os.Mkdir(w.full(p), 0o755)
	}
	if err == nil {
		err = w.put(joined(p, "f1"), os.O_CREATE, w.text())
	}
	return fmt.Sprintf("rm -rf %q; mkdir %q; write f1", p, p), []string{p}, err
}

// fileForDir puts a file where a directory was.
func (w *writer) fileForDir() (string, []string, error) {
	p := w.below()
	err := w.removeAll(p)
	if err == nil {
		err = w.put(p, os.O_CREATE|os.O_EXCL, w.text())
	}
	return fmt.Sprintf("rm -rf %q; write %q", p, p), []string{p}, err
}

// any returns a path of a file or a directory.
func (w *writer) any() string {
	if w.rnd.IntN(3) == 0 {
		return w.below()
	}
	return w.file()
}

func (w *writer) chmod() (string, []string, error) {
	p := w.any()
	bits := []uint32{0o600, 0o640, 0o644, 0o755, 0o2755, 0o1777, 0o444, 0o700}
	mode := bits[w.rnd.IntN(len(bits))]
	var st unix.Stat_t
	if err := unix.Lstat(w.full(p), &st); err != nil || st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return "", nil, os.ErrInvalid
	}
	return fmt.Sprintf("chmod %o %q", mode, p), []string{p}, unix.Chmod(w.full(p), mode)
}

func (w *writer) chown() (string, []string, error) {
	p := w.any()
	uid, gid := w.rnd.IntN(3)*1000, w.rnd.IntN(3)*1000
	return fmt.Sprintf("chown %d:%d %q", uid, gid, p), []string{p}, os.Lchown(w.full(p), uid, gid)
}

func (w *writer) truncate() (string, []string, error) {
	p, size := w.file(), w.rnd.Int64N(2000)
	if info, err := os.Lstat(w.full(p)); err != nil || !info.Mode().IsRegular() {
		return "", nil, os.ErrInvalid
	}
	return fmt.Sprintf("truncate %q %d", p, size), []string{p}, unix.Truncate(w.full(p), size)
}

// touch sets the times to now: with -u an older time would not be transferred.
func (w *writer) touch() (string, []string, error) {
	p := w.file()
	now := unix.NsecToTimespec(time.Now().UnixNano())
	err := unix.UtimesNanoAt(unix.AT_FDCWD, w.full(p), []unix.Timespec{now, now}, unix.AT_SYMLINK_NOFOLLOW)
	return fmt.Sprintf("touch %q", p), []string{p}, err
}
