package executor

import (
	"strings"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/transport"
)

// excludedThere are the paths that the remote's own configuration excludes
// (rsyncd.conf: exclude, filter). The remote is in sync without them; they are
// counted, and the log says so once. It belongs to the loop.
type excludedThere struct {
	paths map[string]struct{}
	more  int // beyond maxUnwantedPaths
	said  bool
}

// maxUnwantedPaths bounds those that are remembered by name.
const maxUnwantedPaths = 20_000

func (u *excludedThere) add(path string) {
	if u.paths == nil {
		u.paths = map[string]struct{}{}
	}
	if u.has(path) {
		return
	}
	if len(u.paths) == maxUnwantedPaths {
		u.more++
		return
	}
	u.paths[path] = struct{}{}
}

// has tells whether a path is excluded, or a directory that it is in.
func (u *excludedThere) has(path string) bool {
	for p := path; len(u.paths) > 0 && p != ""; p = disk.ParentOf(p) {
		if _, ok := u.paths[p]; ok {
			return true
		}
	}
	return false
}

// remove forgets a path that no longer exists.
func (u *excludedThere) remove(path string) {
	delete(u.paths, path)
	for p := range u.paths {
		if strings.HasPrefix(p, path+"/") {
			delete(u.paths, p)
		}
	}
}

func (u *excludedThere) count() int { return len(u.paths) + u.more }

// noteUnwanted counts the paths that the remote's configuration has excluded. The result of a full
// sync, which has sent everything, replaces what was known before.
func (s *settler) noteUnwanted(o outcome.Outcome) {
	u := &s.excludedThere
	if o.Err != nil || o.Kind == plan.KindDelete {
		return
	}
	if o.Kind == plan.KindFull && o.Result.Class <= transport.Again && o.SentAll && !s.full.Sent && len(s.full.Want.Excludes) == 0 {
		u.paths, u.more = nil, 0
	}
	for _, path := range o.Result.Unwanted {
		u.add(path)
	}
	u.more += o.Result.Unnamed
	s.showUnwanted()
	if len(o.Result.Unwanted) > 0 && !u.said {
		u.said = true
		s.log.Info("the remote's own configuration excludes paths, which are left out there", zap.Int("entries", u.count()),
			zap.String("path", o.Result.Unwanted[0]), zap.String("remedy", "exclude them here, too, or take them out of exclude or filter in the remote's rsyncd.conf"))
	}
}

func (d *desk) showUnwanted() {
	d.mu.Lock()
	d.state.unwanted = d.excludedThere.count()
	d.mu.Unlock()
}
