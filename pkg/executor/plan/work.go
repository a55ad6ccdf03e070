package plan

import (
	"time"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
)

// Work is one claimed path, and what stood there when it was looked at.
type Work struct {
	Item
	Found fstree.Found
	Taken time.Time // when it was looked at
	Way   Way
	// Entries replaces the path on the list: a tree that a filter forbids to
	// be handed to rsync as a whole, or one with few entries.
	Entries []string
	// Gone are names below the path which the remote is to lose before the path
	// is sent; More: there may be further ones, to be asked for then.
	Gone []Candidate
	More bool
	// Anew: every file is sent, equal or not.
	Anew bool
}

// Renamed tells whether a work has got another name in the directory it was in.
func (w Work) Renamed() bool { return w.From != "" && disk.ParentOf(w.From) == disk.ParentOf(w.Path) }

// Way is what is particular about how a path goes to the remote.
type Way uint8

// The ways.
const (
	usual     Way = iota
	Followed      // a link that is followed into a directory
	Resumable     // a big file of which the part that has arrived is kept when its run is interrupted
	// Hiding: a directory that a filter excludes stands here, and what was deleted under
	// its name before is still to be deleted on the remote.
	Hiding
	// Sparing: it is gone here, and is to lose on the remote only what the patterns of a
	// full sync let go.
	Sparing
	// Named: what only the remote has in this directory is asked for and named, so that
	// the run need not delete inside.
	Named
	// Braked: the brake keeps what was deleted inside of the directory for now. The tree
	// goes without these deletions, and stays dirty.
	Braked
)

// DeletesInside tells whether a directory was deleted or moved away and this one stands
// at its place: the remote then loses what is only there.
func (w Work) DeletesInside() bool {
	return w.Flags&dirty.Gone != 0 && w.Way != Named && w.Entries == nil
}

// Tree tells whether a flight of that kind brings all that is below the path.
func (w Work) Tree(kind Kind) bool {
	return w.Flags&dirty.Tree != 0 && (kind == KindTree || kind == KindSend)
}

// Names are those that a list has for a work.
func (w Work) Names() []string {
	if w.Entries != nil {
		return w.Entries
	}
	return []string{w.Path}
}

// NamesOf are those that a list has for several works.
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
	// Suspect: nothing has said that the target has it. A directory here that the
	// filter excludes would be made there, where a file may have its name, or nothing.
	Suspect bool
	Here    Sight // looked up when all were known
}

// Sight is what a look has found, in few bytes.
type Sight struct {
	State fstree.State
	Dir   bool
	At    string // as fstree.Found.At
}

// Failure is why a path or a run failed; Wait is the raw wait status.
type Failure struct {
	Reason, Detail, Remedy string
	Wait                   int
	// Named: the log has said that the path itself fails.
	Named bool
	// Lasting: no outage explains it, or each try costs the comparison of a
	// whole tree.
	Lasting bool
	// Cost is how long the try took: one that costs much is not made often.
	Cost time.Duration
}

// Kind is a queue of a lane; sends of different make share one.
type Kind int

// The queues, in the order in which they are served.
const (
	KindSend   Kind = iota // small files, single directories and small trees
	KindTree               // directories with all below them
	KindBig                // files that take long, each in a run of its own
	KindSlow               // what has not opened, or might not; waits for the end of a full sync
	KindDelete             // what is gone
	KindSurvey             // questions what only the remote has
	KindFull               // full syncs
	Kinds                  // how many there are
)

// Item is short for what the dirty set hands out.
type Item = dirty.Item

// MaxBatch bounds one list of names. rsync reads it byte by byte, and what
// fails in it is asked for again.
const MaxBatch = 20_000
