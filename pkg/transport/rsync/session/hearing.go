package session

import (
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

// maxSkipped bounds the names of which it is remembered that the receiver has skipped them.
const maxSkipped = 80_000

// hearing reads what rsync prints for a call. line belongs to the reader of its
// output, everything else to the call, once rsync has ended.
type hearing struct {
	call    *transport.Call
	listed  map[string]bool // the call's names, once one of them may have been passed over
	skipped []string
}

func (h *hearing) line(b []byte) {
	c := h.call
	if c.Batch.Kind == transport.Times {
		h.copied(b)
		return
	}
	if change, ok := rsync.ParseChange(b); ok {
		if c.Changed != nil {
			change.Path = c.Batch.Path(change.Path)
			c.Changed(change)
		}
		return
	}
	if p, ok := rsync.ParseProgress(b); ok && c.Progressed != nil {
		c.Progressed(p)
	}
	if name, ok := rsync.Skipped(b); ok {
		h.skip(c.Batch.Path(name))
	}
}

func (h *hearing) copied(b []byte) {
	if h.call.Copied == nil {
		return
	}
	if there, ok := rsync.ParseCopy(b); ok {
		h.call.Copied(there)
	} else if name, ok := rsync.Skipped(b); ok {
		h.call.Copied(transport.Copy{Path: name, Other: true})
	}
}

// skip records a name that the receiver has skipped. A name that was not listed is in a tree: a
// symlink or a fifo that the parameters do not send.
func (h *hearing) skip(name string) {
	if !h.call.Batch.Caps.Takes(transport.MissingArgs) || len(h.skipped) >= maxSkipped {
		return
	}
	if h.listed == nil {
		h.listed = make(map[string]bool, len(h.call.Names))
		for _, n := range h.call.Names {
			h.listed[n] = true
		}
	}
	if h.listed[name] {
		h.skipped = append(h.skipped, name)
	}
}
