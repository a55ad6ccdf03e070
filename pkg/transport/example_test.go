package transport_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/transporttest"
)

// directory is a minimal remote of another kind, an example of what a transport has to do: it
// copies files to a directory of this host. It knows only files and directories, and it has nothing
// that waits between calls.
type directory struct {
	here, there *os.Root
}

func TestADirectoryIsATransport(t *testing.T) {
	transporttest.Suite(t, func(t *testing.T) transporttest.Remote {
		t.Helper()
		here := t.TempDir()
		d := &directory{open(t, here), open(t, t.TempDir())}
		return transporttest.Remote{Transport: d, Here: here, Looks: true, There: func(path string) bool {
			_, err := d.there.Lstat(path)
			return err == nil
		}}
	})
}

func open(t *testing.T, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// Terms says what is carried: neither links nor devices. A file is written in its place.
func (d *directory) Terms() transport.Terms {
	none := func(string, bool) bool { return false }
	return transport.Terms{
		Remote: d.there.Name(), Times: true, Inplace: true, Sends: 2,
		Matcher: func([]string) func(string, bool) bool { return none },
	}
}

// Do carries the names one after the other. A failure is reported with its path, and the other
// paths are carried all the same.
func (d *directory) Do(ctx context.Context, c transport.Call) (transport.Trip, error) {
	if c.Start != nil {
		if err := c.Start(ctx); err != nil {
			return transport.Trip{Ended: time.Now()}, err
		}
	}
	began, r := time.Now(), transport.Result{Class: transport.Done}
	for _, name := range d.names(c) {
		if ctx.Err() != nil {
			r.Class, r.Reason = transport.Stopped, ctx.Err().Error()
			break
		}
		if err := d.carry(c, name); err != nil {
			r.Class, r.Failed = transport.Partly, append(r.Failed, complaint(name, err))
		}
	}
	r.Took = time.Since(began)
	return transport.Trip{Result: r, Ended: time.Now()}, nil
}

// names returns the names of a call, and the names below them if the kind of the batch includes
// these. For a survey it looks at the copies, for everything else at the files of the watch root.
func (d *directory) names(c transport.Call) (names []string) {
	switch c.Batch.Kind {
	case transport.Full:
		return below(d.here, []string{"."}, true)
	case transport.Tree:
		return below(d.here, c.Names, true)
	case transport.Survey:
		return below(d.there, []string{"."}, true)
	case transport.SurveyTrees, transport.SurveyGone:
		return below(d.there, c.Names, true)
	case transport.SurveyFlat:
		return below(d.there, c.Names, false)
	case transport.Send, transport.Delete, transport.Times:
	}
	return c.Names
}

// below lists the paths at and below the tops in a tree, directories first. A directory that cannot
// be listed is found when it is carried.
func below(root *os.Root, tops []string, deep bool) (names []string) {
	for _, top := range tops {
		top = path.Clean(top)
		_ = fs.WalkDir(root.FS(), top, func(name string, e fs.DirEntry, err error) error {
			if err != nil {
				return nil //nolint:nilerr // the directory is found when it is carried
			}
			names = append(names, name)
			if e.IsDir() && name != top && !deep {
				return fs.SkipDir
			}
			return nil
		})
	}
	return names
}

// carry does what the batch asks for to one name.
func (d *directory) carry(c transport.Call, name string) error {
	switch c.Batch.Kind {
	case transport.Send, transport.Tree, transport.Full:
		return d.send(c, name)
	case transport.Delete:
		return d.remove(c, name)
	case transport.Times:
		return d.tell(c, name)
	case transport.Survey, transport.SurveyTrees, transport.SurveyFlat, transport.SurveyGone:
		_, err := d.here.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			told(c, transport.Change{Path: name, Deleted: true})
			return nil
		}
		return err
	}
	return nil
}

func (d *directory) send(c transport.Call, name string) error {
	info, err := d.here.Lstat(name)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		if c.Batch.Verify {
			return nil
		}
		return d.there.MkdirAll(name, 0o777)
	case !info.Mode().IsRegular():
		return nil // links, devices and the like are not carried
	}
	told(c, transport.Change{Path: name, Sent: true, Size: info.Size()})
	if c.Batch.Verify {
		return nil
	}
	return d.write(name, info)
}

// write copies a file. The copy gets the time that the file had before it was read.
func (d *directory) write(name string, info fs.FileInfo) error {
	from, err := d.here.Open(name)
	if err != nil {
		return err
	}
	defer from.Close()
	if err := d.there.MkdirAll(path.Dir(name), 0o777); err != nil {
		return err
	}
	to, err := d.there.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close(), d.there.Chtimes(name, info.ModTime(), info.ModTime()))
}

// remove deletes a copy whose original does not exist any more.
func (d *directory) remove(c transport.Call, name string) error {
	_, err := d.here.Lstat(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return err // the original is back, or nobody knows: nothing is deleted
	}
	told(c, transport.Change{Path: name, Deleted: true})
	if c.Batch.Verify {
		return nil
	}
	return d.there.RemoveAll(name)
}

// tell reports which copy of a file there is.
func (d *directory) tell(c transport.Call, name string) error {
	info, err := d.there.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if c.Copied != nil {
		c.Copied(transport.Copy{Path: name, Dir: info.IsDir(), Size: info.Size(), Mtime: info.ModTime().Truncate(time.Second)})
	}
	return nil
}

func told(c transport.Call, change transport.Change) {
	if c.Changed != nil {
		c.Changed(change)
	}
}

func complaint(name string, err error) transport.PathError {
	e := transport.PathError{Path: name, Text: err.Error()}
	_ = errors.As(err, &e.Errno)
	e.Changed = e.Errno == syscall.ENOENT // the file disappeared while it was being sent
	return e
}

// Probe tells whether the directory exists.
func (d *directory) Probe(context.Context) error {
	_, err := d.there.Stat(".")
	return err
}

// Release is empty, because the other side has no program.
func (d *directory) Release(context.Context) transport.Release { return transport.Release{} }

// These are empty, because nothing waits and there is no connection to keep.

func (d *directory) KeepConnection(context.Context, time.Time)                     {}
func (d *directory) KeepStandby(context.Context, time.Time, transport.Batch, bool) {}
func (d *directory) Waits() bool                                                   { return false }
func (d *directory) Due(bool) time.Time                                            { return time.Time{} }
func (d *directory) Down(transport.Result)                                         {}
func (d *directory) Up()                                                           {}
func (d *directory) Drop()                                                         {}
func (d *directory) Leave()                                                        {}

// Close closes both directories.
func (d *directory) Close() { _, _ = d.here.Close(), d.there.Close() }

// ByHand is the command that a person would type.
func (d *directory) ByHand(b transport.Batch, name string) []string {
	if b.Kind == transport.Delete {
		return []string{"rm", "-r", path.Join(d.there.Name(), name)}
	}
	return []string{"cp", "-r", path.Join(d.here.Name(), name), path.Join(d.there.Name(), name)}
}

// Command is shown to people, too.
func (d *directory) Command(b transport.Batch) string {
	return strings.Join(d.ByHand(b, "."), " ")
}
