package executor

import (
	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/nameset"
)

// permission says what of that which only the remote has may be deleted there:
// all of it, where a mirror was asked for, but for what the mirror run has left
// alone; and what is known to have been here and to be deleted. What else the
// remote has was put there by somebody else; it goes only with a directory that
// was deleted here.
type permission struct {
	all     bool
	spares  func(path string, dir bool) bool // left alone although all may go; nil: nothing
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

// keeps finds the directories that hold an entry which was left alone: such a
// directory cannot go as a whole.
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
