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
}

// RootState is what is known about a watch root.
type RootState string

// The states of a watch root.
const (
	RootStarting RootState = "starting" // watches are being added
	RootWatched  RootState = "watched"  // every change is seen
	RootGone     RootState = "gone"     // deleted, moved away or unmounted
	RootBraked   RootState = "braked"   // disaster brake: no deletions until accepted
)

// Root is one watched localpath.
type Root struct {
	Path        string    `json:"path"`
	State       RootState `json:"state"`
	Reason      string    `json:"reason,omitempty"`
	Remedy      string    `json:"remedy,omitempty"`
	Directories int       `json:"directories"`    // watched directories
	Since       time.Time `json:"since,omitzero"` // start of State
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
	ID     string `json:"id"` // see LaneID
	Root   string `json:"root"`
	Remote string `json:"remote"` // destination without user's secrets

	State  LaneState `json:"state"`
	Reason string    `json:"reason,omitempty"` // why, without path names
	Detail string    `json:"detail,omitempty"` // what rsync said; may hold names
	Remedy string    `json:"remedy,omitempty"` // what a person can do
	Since  time.Time `json:"since,omitzero"`   // start of State

	Pending       int         `json:"pending"`   // dirty paths, those in flight not counted
	InFlight      int         `json:"in_flight"` // paths in running batches
	Failing       int         `json:"failing"`   // paths in backoff of their own
	OldestPending time.Time   `json:"oldest_pending,omitzero"`
	NextTry       time.Time   `json:"next_try,omitzero"` // while backing off
	LastSuccess   time.Time   `json:"last_success,omitzero"`
	LastFailure   time.Time   `json:"last_failure,omitzero"`
	Progress      *Progress   `json:"progress,omitempty"` // while State is full-sync
	Verify        *Comparison `json:"verify,omitempty"`   // the last comparison; nil: none yet

	Runs       uint64 `json:"runs"`        // rsync runs since the start
	FailedRuns uint64 `json:"failed_runs"` // of these, without success
	Files      uint64 `json:"files"`       // paths brought to the remote
	BytesSent  uint64 `json:"bytes_sent"`  // content bytes of these

	Latency   Latency    `json:"latency"`
	Series    Series     `json:"series"`
	Transfers []Transfer `json:"transfers,omitempty"` // newest first
	Failures  []Failure  `json:"failures,omitempty"`  // newest first
}

// Lag is how long the oldest dirty path has been waiting at now; 0 when
// nothing waits.
func (l Lane) Lag(now time.Time) time.Duration {
	if l.OldestPending.IsZero() || l.Pending+l.InFlight+l.Failing == 0 {
		return 0
	}
	return max(0, now.Sub(l.OldestPending))
}

// Progress is how far a full sync has come. Total is 0 while it is unknown.
type Progress struct {
	Done  int64 `json:"done"`  // entries looked at
	Total int64 `json:"total"` // entries in the tree
	Bytes int64 `json:"bytes"` // content bytes sent
}

// Comparison is what the last one of source and target has found.
type Comparison struct {
	Time         time.Time `json:"time"`            // when it ended
	Differing    int       `json:"differing"`       // paths that a full sync would send
	OnlyOnTarget int       `json:"only_on_target"`  // entries that only the target has
	Error        string    `json:"error,omitempty"` // why it could not be finished; may hold names
	// Names are the first ComparisonNames of those that differ.
	Names []string `json:"names,omitempty"`
}

// ComparisonNames is how many names a Comparison holds at most.
const ComparisonNames = 20

// Equal tells whether the comparison was finished and found no difference.
func (v Comparison) Equal() bool { return v.Error == "" && v.Differing == 0 && v.OnlyOnTarget == 0 }

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
	Overflows uint64 `json:"overflows"` // IN_Q_OVERFLOW since the start
}
