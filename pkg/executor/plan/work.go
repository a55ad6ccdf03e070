package plan

import (
	"time"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
)

// Work is one path in flight, and what was there when it was looked at.
type Work struct {
	Item
	Found fstree.Found
	Taken time.Time // when it was looked at
	Way   Way
	// Entries takes the place of the path on the list: for a tree that cannot be given to rsync as
	// a whole because of a filter, and for one with few entries.
	Entries []string
	// Gone are names below the path that are to be deleted on the remote before the path is sent.
	// More says that there may be further ones, to be asked for after that.
	Gone []Candidate
	More bool
	// Anew: every file is sent, equal or not.
	Anew bool
	// Little: the tree, which was moved, holds so little that it is quicker to send it again than to
	// have it linked.
	Little bool
}

// Renamed tells whether a work was renamed within its directory.
func (w Work) Renamed() bool { return w.From != "" && disk.ParentOf(w.From) == disk.ParentOf(w.Path) }

// Way says in which particular way a path goes to the remote.
type Way uint8

// The ways.
const (
	usual     Way = iota
	Followed      // a link that is followed into a directory
	Resumable     // a big file whose part is kept when its run is interrupted
	// Hiding: a directory that a filter excludes is here, and what had its name before still has to
	// be deleted on the remote.
	Hiding
	// Sparing: the directory is gone here, and on the remote only those entries may be deleted that
	// the patterns of a full sync do not match.
	Sparing
	// Named: a survey names what only the remote has in this directory, so that the run need not
	// delete inside.
	Named
	// Braked: the brake holds the deletions inside the directory. The tree is sent without them,
	// and stays dirty.
	Braked
)

// DeletesInside tells whether a directory was deleted or moved away and this one has taken its
// place: then everything is deleted that only the remote has in it.
func (w Work) DeletesInside() bool {
	return w.Flags&dirty.Gone != 0 && w.Way != Named && w.Entries == nil
}

// Tree tells whether a flight of that kind brings over everything below the path.
func (w Work) Tree(kind Kind) bool {
	return w.Flags&dirty.Tree != 0 && (kind == KindTree || kind == KindSend)
}

// Names are the names that a list has for a work.
func (w Work) Names() []string {
	if w.Entries != nil {
		return w.Entries
	}
	return []string{w.Path}
}

// NamesOf are the names that a list has for several works.
func NamesOf(works []Work) []string {
	names := make([]string, 0, len(works))
	for _, w := range works {
		names = append(names, w.Names()...)
	}
	return names
}

// Touched tells whether a file's content may differ whatever its size and time
// say.
func (w Work) Touched() bool { return w.Flags&(dirty.Content|dirty.Unsure) != 0 }

// MayHoldArrivals tells whether another host's rsync may have put files into a tree:
// nobody has seen how they came there, or it has made the directory.
func (w Work) MayHoldArrivals() bool {
	return w.Flags&(dirty.Unsure|dirty.Arrival) != 0 || w.Flags&dirty.Content == 0
}

// Candidate is an entry that only the target has.
type Candidate struct {
	Path string
	Dir  bool
	// Suspect: it is not known whether the target has it. It is a directory here that the filter
	// excludes; on the target the name may be a file, or not exist.
	Suspect bool
	Here    Sight // looked up after all candidates were known
}

// Sight is what a look has found, in a few bytes.
type Sight struct {
	State fstree.State
	Dir   bool
	At    string // as fstree.Found.At
}

// Failure is why a path or a run failed; Wait is the raw wait status.
type Failure struct {
	Reason, Detail, Remedy string
	Wait                   int
	// Named: the log has named this path as failing.
	Named bool
	// Lasting: the failure is not caused by an outage, or each try costs the comparison of a whole
	// tree.
	Lasting bool
	// Cost is how long the try took: a try that costs much is not made often.
	Cost time.Duration
}

// Kind is a queue of a lane; the different kinds of small sends share one.
type Kind int

// The queues, in the order in which they are served.
const (
	KindSend   Kind = iota // small files, single directories and small trees
	KindTree               // directories with all below them
	KindBig                // files that take long, each in a run of its own
	KindSlow               // files that did not open, or might not; they wait for the end of a full sync
	KindDelete             // paths that are gone
	KindSurvey             // questions what only the remote has
	KindFull               // full syncs
	Kinds                  // how many there are
)

// Item is short for what the dirty set hands out.
type Item = dirty.Item

// MaxBatch bounds one list of names: rsync reads it byte by byte, and a batch that fails is
// repeated.
const MaxBatch = 20_000
