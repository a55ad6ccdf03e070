package status

import "time"

// Snapshot is the state of the whole program at Now. It is a value: whoever
// receives it may keep it, nobody changes it.
type Snapshot struct {
	Version    string    `json:"version"`
	PID        int       `json:"pid"`
	Host       string    `json:"host,omitempty"` // name of this machine
	Started    time.Time `json:"started,omitzero"`
	Now        time.Time `json:"now"`
	ConfigFile string    `json:"config_file,omitempty"`
	// Ready is true once every watch root is watched and events flow.
	Ready bool `json:"ready"`
	// Names says that path names are part of this snapshot; Redacted clears
	// it.
	Names bool `json:"names"`

	Roots   []Root   `json:"roots"`
	Lanes   []Lane   `json:"lanes"` // in file order
	Plugins []Plugin `json:"plugins"`
	Watches Watches  `json:"watches"`
	// ConfigProblems are errors of the configuration with which it runs.
	ConfigProblems []ConfigProblem `json:"config_problems,omitempty"`
	// Said are the codes of the sentences in it; Encode sets them.
	Said Sentences `json:"said,omitempty"`
	// Notes are what a person should know although syncing goes on.
	Notes []Note `json:"notes,omitempty"`
}

// Note is a trouble of the program itself that keeps no lane from syncing: the
// state cannot be saved, say.
type Note struct {
	Subject string    `json:"subject"`
	Reason  string    `json:"reason,omitempty"` // why; may hold names
	Remedy  string    `json:"remedy,omitempty"` // what a person can do; may hold names
	Since   time.Time `json:"since,omitzero"`
}

// RootState is what is known about a watch root.
type RootState string

// The states of a watch root.
const (
	RootStarting RootState = "starting" // watches are being added
	RootWatched  RootState = "watched"  // every change is seen
	RootGone     RootState = "gone"     // deleted, moved away or unmounted
	RootBraked   RootState = "braked"   // the brake holds: no deletions until accepted
)

// Root is one watched localpath.
type Root struct {
	Path        string    `json:"path"`
	State       RootState `json:"state"`
	Reason      string    `json:"reason,omitempty"`
	Remedy      string    `json:"remedy,omitempty"`
	Backend     string    `json:"backend,omitempty"` // what watches it: inotify or fanotify
	Chosen      string    `json:"chosen,omitempty"`  // why, where that was left to this program
	Directories int       `json:"directories"`       // with inotify: watched directories
	Since       time.Time `json:"since,omitzero"`    // start of State
	// Undecided counts changes that no lane has yet: created files that have not been looked at,
	// and written files whose other names are still being looked for.
	Undecided int `json:"undecided"`
	// Writing counts created files that a program still holds open for writing:
	// they are sent after their close.
	Writing int `json:"writing"`
}

// LaneState is what a lane is doing.
type LaneState string

// The states of a lane.
const (
	LaneStarting   LaneState = "starting"    // before its first scan or run
	LaneInSync     LaneState = "in-sync"     // nothing dirty, nothing in flight
	LaneSyncing    LaneState = "syncing"     // paths are dirty or in flight
	LaneFullSync   LaneState = "full-sync"   // full sync or catch-up; see Progress
	LaneBackingOff LaneState = "backing-off" // the remote is in trouble; see NextTry
	LaneDegraded   LaneState = "degraded"    // works, but a person must act
	LanePaused     LaneState = "paused"      // by the operator
)

// Lane is one localpath mirrored to one remote.
type Lane struct {
	ID     string `json:"id"` // the watch root, "#" and the destination
	Root   string `json:"root"`
	Remote string `json:"remote"` // destination without user's secrets

	State  LaneState `json:"state"`
	Reason string    `json:"reason,omitempty"` // why, without path names
	Detail string    `json:"detail,omitempty"` // what rsync said; may hold names
	Remedy string    `json:"remedy,omitempty"` // what a person can do
	Since  time.Time `json:"since,omitzero"`   // start of State

	Pending       int       `json:"pending"`   // dirty paths, those in flight not counted
	InFlight      int       `json:"in_flight"` // paths in running batches
	Failing       int       `json:"failing"`   // paths in backoff of their own
	OldestPending time.Time `json:"oldest_pending,omitzero"`
	// NextTry is when the remote is tried again while backing off; else until when busy
	// hours hold what Reason says.
	NextTry     time.Time `json:"next_try,omitzero"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	LastFailure time.Time `json:"last_failure,omitzero"`
	// FullSyncSince is when the full sync was asked for that is not done yet.
	FullSyncSince time.Time   `json:"full_sync_since,omitzero"`
	Progress      *Progress   `json:"progress,omitempty"` // while State is full-sync
	Verify        *Comparison `json:"verify,omitempty"`   // the last comparison; nil: none yet
	// Differences are what is known to differ on the remote although nothing of
	// it is on its way, one entry for each kind.
	Differences []Difference `json:"differences,omitempty"`

	// Excluded is how many paths the remote's own configuration excludes; they
	// are left out there.
	Excluded int `json:"excluded,omitempty"`
	// Release is the rsync of the remote, as far as it can be known.
	Release string `json:"release,omitempty"`
	// Without lists what the remote's rsync does not accept, each with what is done instead.
	Without []string `json:"without,omitempty"`

	// Edges are those of the lane's stream; nil: the lane goes to a remote.
	Edges *Edges `json:"edges,omitempty"`

	Totals

	Latency   Latency    `json:"latency"`
	Series    Series     `json:"series"`
	Transfers []Transfer `json:"transfers,omitempty"` // newest first
	Failures  []Failure  `json:"failures,omitempty"`  // newest first
}

// Totals are what a lane has done since the start.
type Totals struct {
	Runs       uint64 `json:"runs"`        // rsync runs since the start
	FailedRuns uint64 `json:"failed_runs"` // of these, without success
	Files      uint64 `json:"files"`       // paths brought to the remote
	BytesSent  uint64 `json:"bytes_sent"`  // content bytes of these
}

// Held tells whether busy hours hold a full sync or large files.
func (l Lane) Held(now time.Time) bool {
	return l.State != LaneBackingOff && l.NextTry.After(now)
}

// Lag is how long the oldest dirty path, or a full sync that is asked for and
// not done, has been waiting at now; 0 when nothing waits.
func (l Lane) Lag(now time.Time) time.Duration {
	lag := l.ChangeLag(now)
	if !l.FullSyncSince.IsZero() {
		lag = max(lag, now.Sub(l.FullSyncSince))
	}
	return lag
}

// ChangeLag is Lag for dirty paths alone.
func (l Lane) ChangeLag(now time.Time) time.Duration {
	if l.OldestPending.IsZero() || l.Pending+l.InFlight+l.Failing == 0 {
		return 0
	}
	return max(0, now.Sub(l.OldestPending))
}

// Progress is how far a full sync has come. Total is 0 while it is unknown; it
// may be an estimate.
type Progress struct {
	Done  int64     `json:"done"`           // entries that are done with
	Total int64     `json:"total"`          // entries in the tree
	Bytes int64     `json:"bytes"`          // content bytes sent
	Since time.Time `json:"since,omitzero"` // when it began
	Until time.Time `json:"until,omitzero"` // when it will have ended if it goes on like this
}

// Estimated is p with Until, estimated at now; Until stays zero as long as nothing can be said.
func (p Progress) Estimated(now time.Time) Progress {
	p.Until = time.Time{}
	elapsed := now.Sub(p.Since)
	if p.Since.IsZero() || p.Done <= 0 || p.Total < p.Done || elapsed < estimateAfter {
		return p
	}
	p.Until = now.Add(time.Duration(float64(elapsed) * float64(p.Total-p.Done) / float64(p.Done)))
	return p
}

// estimateAfter is how long a full sync must have run before its end is guessed.
const estimateAfter = 2 * time.Second

// Comparison is what the last one of source and target has found.
type Comparison struct {
	Time         time.Time `json:"time"`            // when it ended
	Differing    int       `json:"differing"`       // paths that a full sync would send
	Newer        int       `json:"newer"`           // files that -u leaves alone because they are newer on the target
	OnlyOnTarget int       `json:"only_on_target"`  // entries that only the target has
	Error        string    `json:"error,omitempty"` // why it could not be finished; may hold names
	// Repair says that the differences are being repaired, as far as the lane may.
	Repair bool `json:"repair,omitempty"`
	// Names are the first ComparisonNames of those that differ, NewerNames of those
	// that are newer on the remote, Extras of those that only the remote has.
	Names      []string `json:"names,omitempty"`
	NewerNames []string `json:"newer_names,omitempty"`
	Extras     []string `json:"extras,omitempty"`
}

// ComparisonNames is how many names a Comparison holds at most.
const ComparisonNames = 20

// Equal tells whether the comparison was finished and found no difference.
func (v Comparison) Equal() bool {
	return v.Error == "" && v.Differing == 0 && v.Newer == 0 && v.OnlyOnTarget == 0
}

// Operation is what was done to a path on the remote.
type Operation string

// The operations on a remote path.
const (
	Sent    Operation = "sent"
	Deleted Operation = "deleted"
)

// Transfer is one path that was brought to the remote.
type Transfer struct {
	Time      time.Time `json:"time"`
	Path      string    `json:"path"` // relative to the watch root
	Operation Operation `json:"operation"`
	Files     int       `json:"files,omitempty"` // in a tree entry; 0 means 1
	Bytes     int64     `json:"bytes"`
	Duration  Seconds   `json:"duration_seconds"` // from the change to success
}

// Failure is one path or run that did not succeed. Reason should be without
// names; a literal line of rsync is tolerated and cut by Redacted.
type Failure struct {
	Time   time.Time `json:"time"`
	Path   string    `json:"path,omitempty"` // empty: the run as a whole
	Reason string    `json:"reason"`         // cause, without path names
	Detail string    `json:"detail,omitempty"`
	Remedy string    `json:"remedy,omitempty"`
	Exit   int       `json:"exit"` // exit status of rsync; -1: none
}

// Plugin is one event receiver.
type Plugin struct {
	Name           string    `json:"name"`
	Pending        int       `json:"pending"`
	Delivered      uint64    `json:"delivered"`
	FailedAttempts uint64    `json:"failed_attempts"`
	Dropped        uint64    `json:"dropped"`
	LastError      string    `json:"last_error,omitempty"` // may hold names
	LastFailure    time.Time `json:"last_failure,omitzero"`
	LastSuccess    time.Time `json:"last_success,omitzero"`
	OldestPending  time.Time `json:"oldest_pending,omitzero"`
}

// Watches is what the kernel watches for us.
type Watches struct {
	Count     int    `json:"count"`     // watch descriptors in use here
	Limit     int    `json:"limit"`     // fs.inotify.max_user_watches; 0: unknown
	Uncovered int    `json:"uncovered"` // directories without a watch, covered by rescans
	Overflows uint64 `json:"overflows"` // how often events were lost since the start
}
