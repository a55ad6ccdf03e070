package carry

import (
	"context"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport"
)

// With -H the names of a file stay one file on the remote only if one run has all of them. Runs with
// lists do (see withOtherNames). A tree may have files with names outside of it, and what a run could
// not send may have kept it from sending other names of the same file, without a word. These files
// are sent once more, with all their names.

// fileID is what all names of a file have in common.
type fileID struct{ device, inode uint64 }

func idOf(f disk.File) fileID { return fileID{f.Device, f.Inode} }

// withOtherNames adds the other names of the hard-linked files among names: with -H rsync can link
// only what it sees in one run. several are all the names of these files, and otherOf are those that
// were added, with the name that they belong to.
func (r *runner) withOtherNames(ctx context.Context, names []string) (all, several []string, otherOf map[string]string) {
	if !r.Terms.HardLinks || r.names == nil {
		return names, nil, nil
	}
	type file struct {
		name    string // one that is listed
		missing uint64 // how many names are not
	}
	files, listed := map[fileID]file{}, map[string]bool{}
	for _, f := range r.Files(names) {
		if f.Links < 2 || listed[f.Path] {
			continue
		}
		listed[f.Path] = true
		several = append(several, f.Path)
		known, met := files[idOf(f)]
		if !met {
			known = file{f.Path, f.Links}
		}
		known.missing--
		files[idOf(f)] = known
	}
	inodes := map[uint64]bool{}
	for id, f := range files {
		if f.missing > 0 { // otherwise there is nothing to be found
			inodes[id.inode] = true
		}
	}
	if len(inodes) == 0 {
		return names, several, nil
	}
	found := slices.DeleteFunc(r.names(ctx, inodes), func(n string) bool {
		return listed[n] || disk.TooLong(n) || r.Filtered(n, false) || r.Terms.Out(n, false)
	})
	all, otherOf = slices.Clip(names), map[string]string{}
	for _, f := range r.Files(found) {
		if known, ok := files[idOf(f)]; ok { // another file system has such inode numbers, too
			all, several, otherOf[f.Path] = append(all, f.Path), append(several, f.Path), known.name
		}
	}
	return all, several, otherOf
}

// findLinked finds the files that a flight leaves to be sent once more.
func (c *Carrier) findLinked(ctx context.Context, o *outcome.Outcome) {
	if !c.Terms.HardLinks {
		return
	}
	if o.Kind == plan.KindTree && o.Err == nil && o.Result.Class <= transport.Again && !o.Result.Unclear { // else the trees are sent once more
		undone := c.undone(ctx, o)
		for _, w := range o.Works {
			c.linkedIn(ctx, o, w.Path, undone)
		}
	}
	c.leftOnLists(ctx, o)
}

// linkedIn finds the files with several names below a tree that are to be sent once more.
func (c *Carrier) linkedIn(ctx context.Context, o *outcome.Outcome, tree string, undone func(disk.File) bool) {
	names, links := map[fileID][]string{}, map[fileID]uint64{}
	c.RegularFiles(ctx, tree, nil, func(rel string, st *unix.Stat_t) {
		f := disk.FileOf(rel, st)
		switch {
		case undone != nil && undone(f):
			keepLinked(o, tree, rel)
		case f.Links > 1:
			names[idOf(f)], links[idOf(f)] = append(names[idOf(f)], rel), f.Links
		}
	})
	if tree == "" {
		return // no name that could be sent is outside of it
	}
	for id, below := range names {
		if uint64(len(below)) >= links[id] {
			delete(names, id)
		}
	}
	for _, id := range c.elsewhere(ctx, tree, names) {
		keepLinked(o, tree, names[id]...)
		delete(names, id)
	}
}

// elsewhere are those of the files that have a name outside of a tree which is mirrored, too.
func (c *Carrier) elsewhere(ctx context.Context, tree string, names map[fileID][]string) (ids []fileID) {
	if len(names) == 0 {
		return nil
	}
	inodes := make(map[uint64]bool, len(names))
	for id := range names {
		inodes[id.inode] = true
		ids = append(ids, id)
	}
	if c.names == nil {
		return ids
	}
	found := slices.DeleteFunc(c.names(ctx, inodes), func(n string) bool { return disk.Inside(n, tree) || c.Excludes(n, false) })
	if ctx.Err() != nil {
		return ids // perhaps not all of them were found
	}
	outside := map[fileID]bool{}
	for _, f := range c.Files(found) {
		outside[idOf(f)] = true
	}
	return slices.DeleteFunc(ids, func(id fileID) bool { return !outside[id] })
}

// leftOutLinks finds the files that a full sync has to send once more.
func (c *Carrier) leftOutLinks(ctx context.Context, o *outcome.Outcome) {
	if undone := c.undone(ctx, o); undone != nil {
		c.RegularFiles(ctx, "", nil, func(rel string, st *unix.Stat_t) {
			if undone(disk.FileOf(rel, st)) {
				keepLinked(o, "", rel)
			}
		})
	}
}

// undone tells of which files a flight may have left out names: those that rsync complains of, those
// in directories that it complains of, and those that have lost a name meanwhile, which changes their
// ctime. nil: it has left out none.
func (c *Carrier) undone(ctx context.Context, o *outcome.Outcome) func(disk.File) bool {
	vanished := len(o.Result.Vanished) > 0
	if o.Result.Class == transport.Done && !vanished {
		return nil
	}
	var paths []string
	unknown := o.Result.Unclear
	for _, e := range slices.Concat(o.Result.Failed, o.Result.Races) {
		paths = append(paths, e.Path)
		unknown = unknown || e.Elsewhere
	}
	bad, began := map[fileID]bool{}, o.Began.Add(-sinceSlack)
	add := func(rel string, st *unix.Stat_t) { bad[idOf(disk.FileOf(rel, st))] = true }
	_ = c.Looks(ctx, paths, func(path string, f fstree.Found) {
		switch {
		case f.Regular():
			add(path, &f.Stat)
		case f.Dir():
			c.RegularFiles(ctx, path, nil, add)
		}
	})
	unknown = unknown || ctx.Err() != nil // not all were looked at
	return func(f disk.File) bool {
		return (f.Links > 1 || vanished) && (unknown || bad[idOf(f)] || f.Change.After(began))
	}
}

// leftOnLists has the hard-linked files of lists sent once more of which something may have been left
// undone. When a run breaks off it may have replaced some names of each.
func (c *Carrier) leftOnLists(ctx context.Context, o *outcome.Outcome) {
	switch {
	case o.Result.Unclear && o.Kind == plan.KindTree:
		keepLinked(o, "", slices.Collect(maps.Keys(o.OtherOf))...) // the others are in the trees, which are sent once more
	case o.Err != nil, o.Result.Class > transport.Again, o.HasVanished(o.Several):
		keepLinked(o, "", o.Several...)
	case o.Result.Class != transport.Done:
		undone := c.undone(ctx, o)
		for _, f := range c.Files(o.Several) {
			if undone(f) {
				keepLinked(o, "", f.Path)
			}
		}
	}
}

func keepLinked(o *outcome.Outcome, tree string, names ...string) {
	if len(names) > 0 {
		outcome.Keep(&o.Linked, tree, append(o.Linked[tree], names...))
	}
}
