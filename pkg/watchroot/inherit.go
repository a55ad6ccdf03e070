package watchroot

// Flush passes on to the lanes what the queue between the watcher and them still holds. No event
// may come any more.
func (r *Root) Flush() { r.queue.Flush() }

// Inherit takes over which files of the root before have several names, and which
// of those names were still to be looked for. The root before must not run any
// more, and this one not yet.
func (r *Root) Inherit(before *Root) { r.links.Inherit(before.links) }

// Bridge covers what happens between the end of one watch and the start of the one that replaces
// it: Begin asks for the scan once the new watches are set. That scan also has to find what a scan
// of the earlier root was to find; before may be nil.
func (r *Root) Bridge(before *Root) {
	if r.bridged {
		return
	}
	r.bridged = true
	since := r.opt.Ticks.LastGood()
	if before != nil {
		if asked, holds := before.scans.wanted(); holds > 0 && asked.Before(since) {
			since = asked
		}
	}
	r.scans.suspect(since)
}
