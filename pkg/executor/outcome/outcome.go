package outcome

import (
	"fmt"
	"hash/maphash"
	"slices"
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
	// Most is the size above which files are left out of the run, and go by their own names; 0:
	// none are.
	Most int64
	// Patterns are those of the full sync that has found the guarded works.
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
	// Oldest is the earliest time at which a path that scans have found may have changed; zero:
	// everything that scans have found is on the remote.
	Oldest time.Time
	// OnlyThere are the entries below the flight's directories that only the remote is
	// known to have.
	OnlyThere []string
	// MayHunt says that the culprits are to be found if the run breaks off.
	MayHunt bool
}

// StandsFor is the earliest time at which what the work stands for may have changed.
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
	// LostSession says that the standby had lost its connection: the remote may have been
	// restarted, or replaced.
	LostSession bool
	// Withheld are complaints because of which rsync has left out all deletions of its run.
	Withheld []transport.PathError
	// SentAll says that the sending half of a full sync is done, except for unsent. The next try
	// only asks the question, and so has no complaints about these paths.
	SentAll bool
	Unsent  []transport.PathError
	Left    []LeftOut // files that runs for trees have left out because of their size
	// Again says that the remote has refused an option, and that the flight is to be repeated
	// without it; set by the loop.
	Again bool
	Hunt  *Hunt // what was found after the run broke off; nil: nothing
	tally
	extrasFound
	answers
	sights
}

// NewOutcome is the outcome of a flight of which no run has begun yet.
func NewOutcome(f Flight) Outcome {
	now := time.Now()
	return Outcome{Flight: f, Began: now, Ended: now, tally: tally{Changed: map[string]transport.Change{}}}
}

// tally sums up what runs have listed as sent or tried.
type tally struct {
	Sent    int64 // content bytes
	Files   int
	Lately  Lately
	Changed map[string]transport.Change
	Also    Hashes // names that were sent and for which Changed has no room
	// Beyond is how many paths a comparison has found for which Changed has no room.
	Beyond int
	// Several are the names of hard-linked files that were on lists, with -H: those of the works, and
	// the other names of these files. OtherOf has each of the latter, with the name that was to be sent.
	Several []string
	OtherOf map[string]string
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
	// Newer are files that are newer on the remote and are not replaced; waits are files that are
	// to be looked at again, and when.
	Newer []string
	Waits map[string]time.Time
	// Met says that the remote has versions that have arrived here; foreign are entries of a peer
	// that may come from somebody else.
	Met     bool
	Foreign map[string]bool
	// Untimed are entries whose times a run may not have set.
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

// Wait has a path of the flight looked at again at the given time.
func (a *answers) Wait(path string, until time.Time) {
	if a.Waits == nil {
		a.Waits = map[string]time.Time{}
	}
	a.Waits[path] = until
}

// ComplainedOf finds what is here at the path of a complaint. Where the name begins with an unknown
// prefix, the longest end of it that exists here counts.
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
	Since time.Time // since when the remote may lack it
}

// WasSent tells whether the run has listed a path as sent. It does not know names beyond maxChanges
// and maxHashes.
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

// HasVanished tells whether one of the names went here after a run had listed it.
func (o *Outcome) HasVanished(names []string) bool {
	if len(o.Result.Vanished) == 0 {
		return false
	}
	vanished := make(map[string]bool, len(o.Result.Vanished))
	for _, path := range o.Result.Vanished {
		vanished[path] = true
	}
	return slices.ContainsFunc(names, func(name string) bool { return vanished[name] })
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

// ErrorOf is FailureOf as an error.
func ErrorOf(o Outcome) error {
	if o.Err != nil {
		return o.Err
	}
	return fmt.Errorf("rsync: %s (status %d)", o.Result.Reason, o.Result.Exit)
}

// Asks tells whether a question is repeated whose answer told nothing.
func (o *Outcome) Asks() bool { return len(o.Works) > 0 && o.Works[0].Attempt < 2*UnansweredMost }

// UnansweredMost is how often a question is asked at most that may never get a complete answer,
// because of --max-delete for instance.
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
