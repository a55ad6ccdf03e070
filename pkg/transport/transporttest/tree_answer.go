package transporttest

import (
	"os"
	"path/filepath"
	"time"

	"github.com/sersync/sersync/pkg/transport"
)

// extras tells what only the remote has in a directory, or anywhere below it.
func (r *ride) extras(top string, deep bool) { r.eachExtra(top, deep, r.tell) }

// told reports everything that is there at and below a name which is gone here.
func (r *ride) told(name string) {
	if _, err := os.Lstat(r.here(name)); err == nil {
		return
	}
	st, err := os.Lstat(r.there(name))
	if err != nil || r.excluded(name, st.IsDir()) {
		return
	}
	if !st.IsDir() || r.eachExtra(name, true, r.tell) {
		r.tell(transport.Change{Path: name, Dir: st.IsDir(), Deleted: true})
	}
}

// copied tells which copy the remote has of a name.
func (r *ride) copied(name string) {
	st, err := os.Lstat(r.there(name))
	if err != nil {
		r.fail(name, true, err)
		return
	}
	if r.call.Copied == nil {
		return
	}
	c := transport.Copy{Path: name, Dir: st.IsDir(), Other: !st.IsDir() && !st.Mode().IsRegular(), Size: st.Size(), Mtime: st.ModTime().Truncate(time.Second)}
	if info, err := os.Lstat(r.here(name)); err == nil {
		c.SameTime = info.ModTime().Equal(st.ModTime())
	}
	r.call.Copied(c)
}

// stamp gives a file of the scratch directory the time of the remote's copy.
func (r *ride) stamp(name string) {
	file := filepath.Join(r.call.Scratch, name)
	mine, err := os.Lstat(file)
	st, thereErr := os.Lstat(r.there(name))
	if err == nil && thereErr == nil && st.Mode().IsRegular() && st.Size() == mine.Size() {
		_ = os.Chtimes(file, st.ModTime(), st.ModTime()) // a file without a time tells nothing
	}
}
