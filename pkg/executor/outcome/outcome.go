package outcome

import (
	"fmt"
	"hash/maphash"
	"strings"
	"time"

	"github.com/sersync/sersync/pkg/executor/disk"
	"github.com/sersync/sersync/pkg/executor/plan"
	"github.com/sersync/sersync/pkg/executor/slots"
	"github.com/sersync/sersync/pkg/filterqueue/dirty"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/transport"
)

// Flight is one batch on its way: the works of one kind that one run, or a
// few in a row, bring to the remote.
type Flight struct {
	Lease *slots.Lease
	Kind  plan.Kind
	Works []plan.Work
	Caps  transport.Capabilities
	// Most is the size above which files go by their own names alone; 0: none do.
	Most int64
	// Patterns are those of a full sync that guarded works were found by.
	Patterns []string
	// BWLimit is how many KiB per second it may send in busy hours; 0: as many as
	// the user's parameters say.
	BWLimit int
	// Fulls is how many full syncs had ended when this began.
	Fulls uint64
	// Peer: the remote mirrors back.
	Peer bool
	// KeepsSecond: under -u the remote may keep its copy of the same second.
	KeepsSecond bool
	// Oldest is since when what scans have found may have changed; zero: no scan has
	// found anything that is not on the remote.
	Oldest time.Time
	// OnlyThere are the entries below the flight's directories that only the remote is
	// known to have.
	OnlyThere []string
	// MayHunt: when the run breaks off, its culprits are to be found.
	MayHunt bool
}

// StandsFor is since when what a scan has found may have changed.
func (f *Flight) StandsFor(w plan.Work) time.Time {
	if !f.Oldest.IsZero() && f.Oldest.Before(w.Since) {
		return f.Oldest
	}
	return w.Since
}

// Outcome is what a flight reports when it has ended.
type Outcome struct {
	Flight
	Result transport.Result
	Run    transport.Batch
	Began  time.Time
	Ended  time.Time
	Err    error // the run could not be started
	// LostSession says that a standby was found dead: the remote may have been
	// restarted, or replaced.
	LostSession bool
	// Withheld are complaints for which a run has left out all its deletions.
	Withheld []transport.PathError
	// SentAll: the sending half of a full sync is done, but for unsent. The
	// next try has only the question left, and no complaint to tell of them.
	SentAll bool
	Unsent  []transport.PathError
	Left    []LeftOut // by runs of trees, for their size
	// Again: the remote refused something, and now that this is known another way
	// is open; set by the loop.
	Again bool
	Hunt  *Hunt // what was found after the run broke off; nil: nothing
	tally
	extrasFound
	answers
	sights
}

// NewOutcome is the outcome of a flight of which nothing has been carried yet.
func NewOutcome(f Flight) Outcome {
	now := time.Now()
	return Outcome{Flight: f, Began: now, Ended: now, tally: tally{Changed: map[string]transport.Change{}}}
}

// tally is what runs have listed as tried.
type tally struct {
	Sent    int64 // content bytes
	Files   int
	Last    string // the file that was begun last
	Changed map[string]transport.Change
	Also    Hashes // what was sent and does not fit changed
	// Beyond is how many paths a comparison found that do not fit changed.
	Beyond int
}

// extrasFound is what a question without deletions has named.
type extrasFound struct {
	Extras []plan.Candidate
	Cut    bool     // there are more of them
	Others []string // without -u: files that would be sent
	// MoreOthers is how many more of them there are, whose names are not kept.
	MoreOthers int
}

// answers are what the remote has said of its copies of single files.
type answers struct {
	// Newer are files that are newer on the remote and stay so; waits are those
	// that are to be looked at again, and when.
	Newer []string
	Waits map[string]time.Time
	// Met: versions that have arrived here are on the remote; foreign are entries of
	// a peer that may be somebody else's.
	Met     bool
	Foreign map[string]bool
	// Untimed are entries of which a run may have left a time as it was.
	Untimed []string
	// Judged are all the files of which the remote was asked.
	Judged map[string]bool
}

// Judge notes that the remote was asked for its copy of a file.
func (a *answers) Judge(path string) {
	if a.Judged == nil {
		a.Judged = map[string]bool{}
	}
	a.Judged[path] = true
}

// Wait has a path of the flight looked at again at a time.
func (a *answers) Wait(path string, until time.Time) {
	if a.Waits == nil {
		a.Waits = map[string]time.Time{}
	}
	a.Waits[path] = until
}

// ComplainedOf finds what stands here at the path of a complaint. Where its name
// begins with something unknown, the longest end of it that stands here counts.
func (o *Outcome) ComplainedOf(e transport.PathError) (path string, f fstree.Found) {
	for rest, ok := e.Path, true; ok; _, rest, ok = strings.Cut(rest, "/") {
		if f = o.Seen[rest]; f.State == fstree.Present || !e.Elsewhere {
			return rest, f
		}
	}
	return e.Path, f
}

// LeftOut is a file that a run has left out for its size.
type LeftOut struct {
	Path  string
	Flags dirty.Flags
	Since time.Time // since when it is owed
}

// WasSent tells whether the run has listed a path as sent. Of more than
// maxHashes beyond maxChanges it does not know.
func (o *Outcome) WasSent(path string) bool { return o.Changed[path].Sent || o.Also.has(path) }

// NotSent are those of the names that the run has not listed as sent.
func (o *Outcome) NotSent(names []string) (rest []string) {
	for _, name := range names {
		if !o.WasSent(name) {
			rest = append(rest, name)
		}
	}
	return rest
}

// Hashes remembers names by their hash, where the names themselves would take
// too much room.
type Hashes struct {
	seed maphash.Seed
	set  map[uint64]struct{}
}

// maxHashes bounds the names (some 40 MB).
const maxHashes = 1_000_000

// Add remembers a name. Beyond a million nothing is remembered.
func (h *Hashes) Add(name string) {
	if h.set == nil {
		h.seed, h.set = maphash.MakeSeed(), map[uint64]struct{}{}
	}
	if len(h.set) < maxHashes {
		h.set[maphash.String(h.seed, name)] = struct{}{}
	}
}

func (h *Hashes) has(name string) bool {
	if h.set == nil {
		return false
	}
	_, ok := h.set[maphash.String(h.seed, name)]
	return ok
}

// FailureOf is why a run failed as a whole.
func FailureOf(o Outcome) plan.Failure {
	f := plan.Failure{Reason: o.Result.Reason, Detail: o.Result.Detail, Remedy: o.Result.Remedy, Wait: o.Result.WaitStatus}
	if o.Err != nil {
		f = plan.Failure{Reason: "rsync could not be started", Detail: o.Err.Error(), Remedy: "install rsync, or name it in <rsync path=\"...\">", Wait: 127 << 8}
	}
	return f
}

// ErrorOf is the same as an error.
func ErrorOf(o Outcome) error {
	if o.Err != nil {
		return o.Err
	}
	return fmt.Errorf("rsync: %s (status %d)", o.Result.Reason, o.Result.Exit)
}

// Asks tells whether an answer that told nothing is asked for again.
func (o *Outcome) Asks() bool { return len(o.Works) > 0 && o.Works[0].Attempt < 2*UnansweredMost }

// UnansweredMost is how often a question is asked that may never be answered
// whole, because of --max-delete for instance.
const UnansweredMost = 4

// RefusesThere tells whether the remote's own configuration excludes a path, or a
// directory that it is in, as far as the run has shown that.
func (o *Outcome) RefusesThere() func(path string) bool {
	refused := make(map[string]bool, len(o.Result.Unwanted))
	for _, path := range o.Result.Unwanted {
		refused[path] = true
	}
	return func(path string) bool {
		for p := path; len(refused) > 0 && p != ""; p = disk.ParentOf(p) {
			if refused[p] {
				return true
			}
		}
		return false
	}
}
