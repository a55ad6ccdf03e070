package transporttest

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"syscall"

	"github.com/sersync/sersync/pkg/transport"
)

// remove deletes a name that does not exist here. A name that is back is sent.
func (r *ride) remove(name string) {
	b := r.call.Batch
	if info, err := os.Lstat(r.here(name)); err == nil {
		hidden := info.IsDir() && slices.Contains(b.Hidden, name)
		if st, err := os.Lstat(r.there(name)); hidden && (err != nil || st.IsDir()) {
			return
		}
		if !hidden {
			if !b.Exact {
				r.send(name)
			}
			return
		}
	}
	st, err := os.Lstat(r.there(name))
	if err != nil || r.excluded(name, st.IsDir()) {
		return
	}
	if st.IsDir() && !b.Exact {
		r.deleteBelow(name)
	}
	r.tell(transport.Change{Path: name, Dir: st.IsDir(), Deleted: true})
	if b.Verify {
		return
	}
	if err := os.Remove(r.there(name)); err != nil {
		r.fail(name, true, err)
	}
}

// deleteBelow deletes what is in a directory there and has no name here.
func (r *ride) deleteBelow(top string) {
	var gone []transport.Change
	r.eachExtra(top, true, func(c transport.Change) { gone = append(gone, c) })
	for _, c := range gone {
		if r.tell(c); !r.call.Batch.Verify {
			if err := os.Remove(r.there(c.Path)); err != nil {
				r.fail(c.Path, true, err)
			}
		}
	}
}

// eachExtra names what is in a directory before the directory itself. A directory stays when
// something stays in it; whole tells that nothing does.
func (r *ride) eachExtra(top string, deep bool, tell func(transport.Change)) (whole bool) {
	entries, err := os.ReadDir(r.there(top))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return true
	}
	if err != nil {
		r.fail(top, true, err)
		return false
	}
	whole = true
	for _, e := range entries {
		name := path.Join(top, e.Name())
		if r.excluded(name, e.IsDir()) {
			whole = false
			continue
		}
		info, err := os.Lstat(r.here(name))
		switch absent := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR); {
		case absent && e.IsDir() && !r.eachExtra(name, true, tell):
			whole = false
		case absent:
			tell(transport.Change{Path: name, Dir: e.IsDir(), Deleted: true})
		case err == nil && deep && info.IsDir() && e.IsDir():
			r.eachExtra(name, true, tell)
			whole = false
		default:
			whole = false
		}
	}
	return whole
}
