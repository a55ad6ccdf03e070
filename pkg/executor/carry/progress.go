package carry

import (
	"time"

	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

// howFar follows one full sync. It belongs to the reader of rsync's output.
type howFar struct {
	show  func(status.Progress)
	p     status.Progress
	told  bool  // rsync itself reports its progress; otherwise changes are counted
	about int64 // how many entries there are, as far as is known without rsync
}

// howFar begins to follow a full sync of total entries; 0: as many as the watches
// were set with.
func (r *FullRun) howFar(total int64) *howFar {
	if total == 0 {
		total = r.About
	}
	h := &howFar{show: r.Progress, about: total, p: status.Progress{Total: total, Since: time.Now()}}
	h.show(h.p)
	return h
}

// changed takes a line about a change.
func (h *howFar) changed(c transport.Change) {
	h.p.Bytes += c.Size
	if !h.told {
		h.p.Done++
		h.p.Total = h.atLeast(h.p.Done)
	}
	h.show(h.p)
}

// listed takes a line about how far rsync has come with its list.
func (h *howFar) listed(p transport.Progress) {
	h.told = true
	h.p.Done, h.p.Total = p.Checked, p.Known
	if !p.Whole {
		h.p.Total = h.atLeast(p.Known)
	}
	h.show(h.p)
}

// atLeast is the total number of entries when there are at least n; 0: it is unknown.
func (h *howFar) atLeast(n int64) int64 {
	if h.about == 0 {
		return 0
	}
	return max(h.about, n)
}
