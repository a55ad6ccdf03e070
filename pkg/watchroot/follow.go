package watchroot

import (
	"fmt"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/laneconf"
)

// lead is where a watch path leads to.
type lead uint8

const (
	leadsHere lead = iota // to the directory that is watched
	leadsOff              // to another one
	leadsNowhere
)

// Follower looks at one watch path that goes through a link, such as "current" in
// a tree of releases: the kernel has no event for a link that leads elsewhere.
type Follower struct {
	root *Root
	// was is the answer of the last look, and at which place.
	was lead
	at  string
	// parted says that the root has been told that its watch path leads nowhere.
	parted bool
}

// Follow looks at the root's watch path; nil when no link is in it.
func (r *Root) Follow() *Follower {
	if !r.ThroughLink() {
		return nil
	}
	return &Follower{root: r}
}

// Root is the root whose watch path is followed.
func (f *Follower) Root() *Root { return f.root }

// Elsewhere looks where the path leads now, and returns the directory when it is
// another one than the root's and may be mirrored. The root is told when its path
// leads nowhere, and when it is back. For one goroutine.
func (f *Follower) Elsewhere(conf confxml.Config) string {
	if f.look(conf) != leadsOff {
		return ""
	}
	return f.at
}

// ThroughLink tells whether a link in the watch path decides which directory is
// watched.
func (r *Root) ThroughLink() bool {
	lexical, err := confxml.AbsPath(r.WatchPath())
	return err == nil && lexical != r.opt.Dir
}

// look looks where the path leads. A link is often removed and made again: only when two looks in a
// row find no directory does the path lead nowhere.
func (f *Follower) look(conf confxml.Config) lead {
	at, err := laneconf.Dir(f.root.WatchPath())
	now := leadsHere
	switch {
	case err != nil:
		now = leadsNowhere
	case at != f.root.opt.Dir:
		now = leadsOff
		if err = confxml.Fatal(conf.CheckHost()); err != nil {
			now = leadsNowhere // or to where nothing may be mirrored from
		}
	}
	before := f.was
	f.was, f.at = now, at
	switch {
	case now == leadsNowhere && before == leadsNowhere && !f.parted:
		f.parted = true
		f.part(err)
	case now == leadsHere && f.parted:
		f.parted = false
		f.root.rootState(fsevent.RootBack)
	}
	return now
}

// part tells the root that its watch path leads to no directory that could be
// mirrored.
func (f *Follower) part(err error) {
	watch := f.root.WatchPath()
	f.root.log.Error("the watch path leads to no directory that can be mirrored", zap.String("watch", watch), zap.Error(err))
	f.root.lost(fmt.Sprintf("the watch path %s leads to no directory that can be mirrored", watch),
		"correct the link; nothing is sent or deleted meanwhile")
}
