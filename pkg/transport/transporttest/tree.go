package transporttest

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/sersync/sersync/pkg/transport"
)

// Tree brings files, directories and symbolic links from one directory of this host to another one,
// by the rules of rsync and without a process: its Carry is for a Fake. The suite checks that it
// does what an rsync does. It does not support hard links, devices, owners, and exclusions by the
// receiver.
type Tree struct {
	Here, There string
	// Update is Terms.Update.
	Update bool
	// Matcher is Terms.Matcher, for the patterns of a batch; nil: none excludes anything.
	Matcher func(patterns []string) func(path string, dir bool) bool
}

// Carry carries a call.
func (t *Tree) Carry(ctx context.Context, c transport.Call) transport.Result {
	began := time.Now()
	r := &ride{Tree: t, ctx: ctx, call: c, excluded: func(string, bool) bool { return false }, dirs: map[string]time.Time{}}
	if t.Matcher != nil && len(c.Batch.Excludes) > 0 {
		r.excluded = t.Matcher(c.Batch.Excludes)
	}
	r.carry()
	r.stampDirs()
	switch res := &r.result; {
	case r.over():
		*res = transport.Result{Class: transport.Stopped}
	case len(res.Failed) > 0:
		res.Class, res.Reason = transport.Partly, "some of it failed"
	case len(res.Races) > 0:
		res.Class = transport.Again
	}
	r.result.Took = time.Since(began)
	r.options()
	return r.result
}

// options notes which of the options the batch would have had as a run of rsync.
func (r *ride) options() {
	b, wants := r.call.Batch, transport.Options(0)
	if b.Kind < transport.Times && (b.Attributes || !r.updates()) && b.Caps.Grain <= transport.GrainNanosecond {
		wants = wants.With(transport.Nanoseconds)
	}
	if b.Kind == transport.Delete && !b.Exact || b.Kind == transport.Tree && b.DeleteInside && b.MayDelete {
		wants = wants.With(transport.MissingArgs)
	}
	if b.Linked || b.Similar {
		wants = wants.With(transport.Elsewhere)
	}
	for o := range transport.OptionCount {
		switch {
		case wants.Has(o) && b.Caps.Takes(o):
			r.result.Added = r.result.Added.With(o)
		case wants.Has(o):
			r.result.Spared = r.result.Spared.With(o)
		}
	}
}

// ride is one call on its way.
type ride struct {
	*Tree
	ctx      context.Context //nolint:containedctx // of the one call
	call     transport.Call
	excluded func(path string, dir bool) bool
	result   transport.Result
	dirs     map[string]time.Time // directories that have a time to get at the end
}

func (r *ride) here(name string) string  { return filepath.Join(r.Here, name) }
func (r *ride) there(name string) string { return filepath.Join(r.There, name) }

func (r *ride) over() bool {
	select {
	case <-r.call.Stop:
		return true
	default:
		return r.ctx.Err() != nil
	}
}

func (r *ride) tell(c transport.Change) {
	if r.call.Changed != nil {
		r.call.Changed(c)
	}
}

// fail records a complaint; about a path that vanished here meanwhile it is a race.
func (r *ride) fail(name string, remote bool, err error) {
	e := transport.PathError{Path: name, Remote: remote, Text: err.Error()}
	_ = errors.As(err, &e.Errno)
	if !remote && (e.Errno == syscall.ENOENT || e.Errno == syscall.ENOTDIR) {
		e.Changed = true
		r.result.Races = append(r.result.Races, e)
		return
	}
	r.result.Failed = append(r.result.Failed, e)
}

// carry goes through the names. A survey is a comparison that also tells what would be
// deleted.
func (r *ride) carry() {
	b := r.call.Batch
	for _, name := range r.tops() {
		if r.over() {
			return
		}
		switch b.Kind {
		case transport.Send:
			r.sendListed(name)
		case transport.Tree, transport.Full:
			r.sendTree(name)
		case transport.Delete:
			r.remove(name)
		case transport.Survey:
			r.extras(name, true)
			r.call.Batch.Verify = true
			r.sendTree(name)
		case transport.SurveyTrees:
			r.extras(name, true)
			r.call.Batch.Verify = true
			r.sendTree(name)
		case transport.SurveyFlat:
			r.extras(name, false)
			r.call.Batch.Verify = true
			r.sendFlat(name)
		case transport.SurveyGone:
			r.told(name)
		case transport.Times:
			r.copied(name)
		case transport.Stamps:
			r.stamp(name)
		}
	}
}

func (r *ride) tops() []string {
	if r.call.Batch.Kind == transport.Full || r.call.Batch.Kind == transport.Survey {
		return []string{""}
	}
	names := slices.Clone(r.call.Names)
	if r.call.Batch.Kind == transport.Delete { // what is inside goes before what it is in
		slices.Sort(names)
		slices.Reverse(names)
	}
	return names
}

// asks tells whether the batch is a survey.
func (r *ride) asks() bool {
	return r.call.Batch.Kind >= transport.Survey && r.call.Batch.Kind <= transport.SurveyGone
}

// sendListed sends one name of a list. The watch root stands for its entries, unless it
// is to go alone.
func (r *ride) sendListed(name string) {
	if r.send(name); name == "" && !r.call.Batch.RootAlone {
		r.sendFlat("")
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
	if name != "" && !r.makeDir(path.Dir(name)) {
		return
	}
	switch {
	case info.IsDir():
		r.makeDir(name)
	case info.Mode()&fs.ModeSymlink != 0:
		r.sendLink(name)
	case info.Mode().IsRegular():
		r.sendFile(name, info)
	}
}

// makeDir makes a directory and those above it, and tells whether it is there now. A file in its
// place is always removed.
func (r *ride) makeDir(name string) bool {
	if name == "." || name == "" {
		return true
	}
	if !r.makeDir(path.Dir(name)) {
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

// updates tells whether a newer copy is kept.
func (r *ride) updates() bool { return r.Update && !r.call.Batch.LiftUpdate }

// keeps tells whether the remote keeps its copy for its time. Whole seconds count.
func (r *ride) keeps(here, there time.Time) bool {
	window := int64(0)
	switch b := r.call.Batch; {
	case b.KeepSecond:
		window = 1
	case b.Attributes && b.Caps.Takes(transport.Nanoseconds) && b.Caps.Grain <= transport.GrainNanosecond:
		window = -1 // rsync's value for nanoseconds has -u overwrite what is one second newer
	}
	return r.updates() && here.Unix()-there.Unix() < window
}

// sameTime tells whether two times count as equal in this batch.
func (r *ride) sameTime(a, b time.Time) bool {
	caps := r.call.Batch.Caps
	switch {
	case r.call.Batch.KeepSecond && r.updates(), caps.Grain == transport.GrainTwoSeconds && !r.call.Batch.Contents:
		return max(a.Unix()-b.Unix(), b.Unix()-a.Unix()) <= 1
	case (r.call.Batch.Attributes || !r.updates()) && caps.Takes(transport.Nanoseconds) && caps.Grain <= transport.GrainNanosecond:
		return a.Equal(b)
	default:
		return a.Unix() == b.Unix()
	}
}

// equal tells whether a file is not to be sent: its contents are equal where they are
// compared, else its size and time.
func (r *ride) equal(name string, here, there fs.FileInfo, data []byte, sameTime bool) bool {
	if here.Size() != there.Size() || !r.call.Batch.Contents {
		return here.Size() == there.Size() && sameTime
	}
	copied, err := os.ReadFile(r.there(name))
	return err == nil && bytes.Equal(data, copied)
}

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

// extras tells what only the remote has in a directory, or anywhere below it.
func (r *ride) extras(top string, deep bool) { r.eachExtra(top, deep, r.tell) }

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
