package carry

import (
	"context"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/ledger"
	"github.com/sersync/sersync/pkg/transport"
)

// A remote that mirrors back is a peer: people write there, too. A scan must not conclude that an
// entry which only the peer has was deleted here: it may be new there and on its way. So unless a
// person asks for it, such an entry is deleted only if, by the ledger, both sides have had that
// very version. Other entries are only reported.

// findForeign finds, among the entries that only a peer has, those that may come from somebody
// else, with all directories that hold one of them.
func (v *versions) findForeign(ctx context.Context, o *outcome.Outcome) {
	if !o.Flight.Peer || len(o.Extras) == 0 || o.Err != nil || o.Result.Class > transport.Again {
		return
	}
	var files []suspect
	for _, c := range o.Extras {
		if !c.Dir {
			files = append(files, suspect{File: disk.File{Path: c.Path}})
		}
	}
	a, result := copiesThere{}, transport.Result{}
	if len(files) > 0 && !o.Flight.Caps.NoList {
		var err error
		if a, result, err = v.copies(ctx, o.Flight, files); err != nil {
			o.Err = err
			return
		}
		if result.Class > transport.Again {
			o.Result = result
			return
		}
	}
	ours := v.sentLast(files, func(s suspect) ledger.Version {
		c := a.copies[s.Path]
		return ledger.Version{Path: s.Path, Size: c.Size, Mtime: c.Mtime.Unix()}
	})
	o.Foreign = foreigners(o.Extras, files, ours)
}

// foreigners are the entries that are not ours, the directories that have one of these below them,
// and the directories that have nothing of ours.
func foreigners(extras []plan.Candidate, files []suspect, ours []bool) map[string]bool {
	foreign, holds := map[string]bool{}, map[string]bool{}
	for i, s := range files {
		mark := holds
		if !ours[i] {
			mark = foreign
		}
		for p := s.Path; p != ""; p = disk.ParentOf(p) {
			mark[p] = true
		}
	}
	for _, c := range extras {
		if c.Dir && !holds[c.Path] {
			for p := c.Path; p != ""; p = disk.ParentOf(p) {
				foreign[p] = true
			}
		}
	}
	return foreign
}
