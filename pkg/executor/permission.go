package executor

import (
	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/nameset"
)

// permission says which of the entries that only the remote has may be deleted there. Where a
// mirror run has completed these are all except those that the mirror run has left out. In any case
// it includes entries that are known to have been here and to have been deleted. Other entries were
// put there by another source; they are deleted only together with a directory that was deleted
// here.
type permission struct {
	all     bool
	spares  func(path string, dir bool) bool // left alone where all may be deleted; nil: nothing
	deleted *nameset.Set                     // known to have been deleted here; nil: nothing
	temp    func(path string) bool           // whose events are dropped, and deletions with them; nil: none
}

// delete tells whether one entry may go.
func (p permission) delete(c plan.Candidate) bool {
	if p.all && !(p.spares != nil && p.spares(c.Path, c.Dir)) {
		return true
	}
	return p.deleted.Has(c.Path) && (c.Dir || p.temp == nil || !p.temp(c.Path))
}

// keeps finds the directories with an entry that is left alone: such a directory cannot be deleted
// as a whole.
func (p permission) keeps(extras []plan.Candidate) map[string]bool {
	if !p.all || p.spares == nil {
		return nil
	}
	kept := map[string]bool{}
	for _, c := range extras {
		if p.delete(c) {
			continue
		}
		for dir := disk.ParentOf(c.Path); dir != "" && !kept[dir]; dir = disk.ParentOf(dir) {
			kept[dir] = true
		}
	}
	return kept
}
