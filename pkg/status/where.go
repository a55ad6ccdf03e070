package status

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Verdict is what a remote has of one path, compared with what is here.
type Verdict string

// The verdicts over one path on one remote.
const (
	Same    Verdict = "same"    // as here, or on neither side
	Older   Verdict = "older"   // another version, with an earlier time
	Ahead   Verdict = "newer"   // another version, with a later time
	Other   Verdict = "differs" // another version or kind; the times do not tell which is newer
	Missing Verdict = "missing" // the remote has nothing of that name
	Only    Verdict = "extra"   // only the remote has it
	Unasked Verdict = "unknown" // the remote could not be asked; Reason says why
)

// Copy is what one side has of a path.
type Copy struct {
	Kind     string    `json:"kind"` // file, directory, link, other
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified,omitzero"` // of a remote's copy in whole seconds
}

// Exclusion is why a path is not sent.
type Exclusion struct {
	By   ExcludedBy `json:"by"`
	File string     `json:"file,omitempty"` // where that is written
	Line int        `json:"line,omitempty"`
	Text string     `json:"text,omitempty"` // the expression or pattern, as written
}

// ExcludedBy says what keeps a path from being sent.
type ExcludedBy string

// What keeps a path from being sent.
const (
	ByFilter ExcludedBy = "filter"  // an expression of <filter>
	ByParams ExcludedBy = "params"  // a pattern in the parameters of rsync
	ByKind   ExcludedBy = "kind"    // the parameters of rsync carry no such kind of file
	ByName   ExcludedBy = "name"    // events of temporary names are dropped; a full sync sends it
	ByLink   ExcludedBy = "link"    // a directory above it is a link, which is sent as a link
	ByRemote ExcludedBy = "remote"  // the remote's own configuration
	ByParts  ExcludedBy = "partial" // parts of large files that another host has left
)

// Wait is a change that is on its way.
type Wait struct {
	Path     string    `json:"path"` // the path, or the directory that it goes with
	Tree     bool      `json:"tree"` // with everything below Path
	Deletion bool      `json:"deletion,omitempty"`
	Since    time.Time `json:"since"`
	InFlight bool      `json:"in_flight"`
	Attempt  int       `json:"attempt,omitempty"` // failed attempts so far
	NextTry  time.Time `json:"next_try,omitzero"` // not before; absent: as soon as a run starts
	Reason   string    `json:"reason,omitempty"`  // why it failed
	Detail   string    `json:"detail,omitempty"`  // what rsync said
	Remedy   string    `json:"remedy,omitempty"`  // what a person can do
	Command  string    `json:"command,omitempty"` // sends it by hand, where it fails
	LaneID   string    `json:"lane,omitempty"`    // in a Pending
	Root     string    `json:"root,omitempty"`    // in a Pending
	Number   int       `json:"number,omitempty"`  // of the lane, in a Pending
}

// Place is what one lane knows of one path.
type Place struct {
	Lane   string `json:"lane"`
	Number int    `json:"number"` // of the lane, from 1
	Root   string `json:"root"`
	Remote string `json:"remote"`
	Path   string `json:"path"` // relative to Root

	Verdict  Verdict    `json:"verdict"`
	Here     *Copy      `json:"here,omitempty"`
	There    *Copy      `json:"there,omitempty"`
	Contents bool       `json:"contents"` // contents were compared, not only size and time
	Excluded *Exclusion `json:"excluded,omitempty"`
	Waiting  *Wait      `json:"waiting,omitempty"`
	// Edges are, of a lane to a stream, those that have it; nil: not known.
	Edges   *PlaceEdges `json:"edges,omitempty"`
	Below   int         `json:"below,omitempty"`   // changes that wait below it
	Writing bool        `json:"writing,omitempty"` // a new file that a program still writes: it goes after its close
	// Reason, Detail and Remedy are why the remote could not be asked.
	Reason string  `json:"reason,omitempty"`
	Detail string  `json:"detail,omitempty"`
	Remedy string  `json:"remedy,omitempty"`
	Took   Seconds `json:"took_seconds"`
}

// PlaceEdges says which edges of a stream have what was published of a path, as they
// report it.
type PlaceEdges struct {
	Known   int      `json:"known"`
	Lacking int      `json:"lacking"`
	Names   []string `json:"names,omitempty"` // the first that lack it
	// Exact is false where the path was published so long ago that its message is not remembered:
	// then an edge that lacks older messages is counted as lacking the path, although it may have
	// it.
	Exact bool `json:"exact"`
}

// Settled tells whether the remote has the path as it is here, and no change of it is on its way.
func (p Place) Settled() bool {
	return p.Verdict == Same && p.Waiting == nil && p.Below == 0 && !p.Writing
}

// Whereabouts is where one path is.
type Whereabouts struct {
	Path   string    `json:"path"` // as it was asked for
	Places []Place   `json:"places"`
	Said   Sentences `json:"said,omitempty"` // as in Snapshot
}

// ErrNoRoot says that a path is in no watch root.
var ErrNoRoot = errors.New("not in a watch root")

// Pending is what waits, oldest first.
type Pending struct {
	Total int       `json:"total"`          // of all lanes that were asked for
	Waits []Wait    `json:"waits"`          // the oldest of them
	Said  Sentences `json:"said,omitempty"` // as in Snapshot
}

// Oldest is p with at most limit waits, the oldest ones first.
func (p Pending) Oldest(limit int) Pending {
	slices.SortStableFunc(p.Waits, func(a, b Wait) int { return a.Since.Compare(b.Since) })
	p.Waits = p.Waits[:min(limit, len(p.Waits))]
	return p
}

// PendingLimit is how many waits a Pending holds at most, and DefaultPending how
// many when no number is given.
const (
	PendingLimit   = 1000
	DefaultPending = 100
)

type wirePlace struct {
	plainPlace
	RootBytes   []byte    `json:"root_bytes,omitempty"`
	RemoteBytes []byte    `json:"remote_bytes,omitempty"`
	PathBytes   []byte    `json:"path_bytes,omitempty"`
	Waiting     *wireWait `json:"waiting,omitempty"`
}

type plainPlace Place

type wireWait struct {
	plainWait
	PathBytes []byte `json:"path_bytes,omitempty"`
	RootBytes []byte `json:"root_bytes,omitempty"`
}

type plainWait Wait

func toWireWait(w Wait) wireWait {
	return wireWait{plainWait(w), rawBytes(w.Path), rawBytes(w.Root)}
}

func (w wireWait) wait() Wait {
	w.Path, w.Root = exact(w.Path, w.PathBytes), exact(w.Root, w.RootBytes)
	return Wait(w.plainWait)
}

type wireWhere struct {
	Path      string      `json:"path"`
	PathBytes []byte      `json:"path_bytes,omitempty"`
	Places    []wirePlace `json:"places"`
	Said      Sentences   `json:"said,omitempty"`
}

// MarshalJSON writes names as Encode does.
func (w Whereabouts) MarshalJSON() ([]byte, error) {
	out := wireWhere{Path: w.Path, PathBytes: rawBytes(w.Path), Places: make([]wirePlace, len(w.Places)), Said: w.sentences()}
	for i, p := range w.Places {
		wp := wirePlace{plainPlace: plainPlace(p), RootBytes: rawBytes(p.Root), RemoteBytes: rawBytes(p.Remote), PathBytes: rawBytes(p.Path)}
		if p.Waiting != nil {
			wait := toWireWait(*p.Waiting)
			wp.Waiting = &wait
		}
		out.Places[i] = wp
	}
	return json.Marshal(out) //nolint:wrapcheck // called by encoding/json
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (w *Whereabouts) UnmarshalJSON(b []byte) error {
	var in wireWhere
	if err := json.Unmarshal(b, &in); err != nil {
		return fmt.Errorf("read where a path is: %w", err)
	}
	*w = Whereabouts{Path: exact(in.Path, in.PathBytes), Places: make([]Place, len(in.Places)), Said: in.Said}
	for i, wp := range in.Places {
		p := Place(wp.plainPlace)
		p.Root, p.Remote, p.Path = exact(p.Root, wp.RootBytes), exact(p.Remote, wp.RemoteBytes), exact(p.Path, wp.PathBytes)
		if wp.Waiting != nil {
			wait := wp.Waiting.wait()
			p.Waiting = &wait
		}
		w.Places[i] = p
	}
	return nil
}

type wirePending struct {
	Total int        `json:"total"`
	Waits []wireWait `json:"waits"`
	Said  Sentences  `json:"said,omitempty"`
}

// MarshalJSON writes names as Encode does.
func (p Pending) MarshalJSON() ([]byte, error) {
	out := wirePending{p.Total, make([]wireWait, len(p.Waits)), p.sentences()}
	for i, w := range p.Waits {
		out.Waits[i] = toWireWait(w)
	}
	return json.Marshal(out) //nolint:wrapcheck // called by encoding/json
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Pending) UnmarshalJSON(b []byte) error {
	var in wirePending
	if err := json.Unmarshal(b, &in); err != nil {
		return fmt.Errorf("read what waits: %w", err)
	}
	*p = Pending{in.Total, make([]Wait, len(in.Waits)), in.Said}
	for i, w := range in.Waits {
		p.Waits[i] = w.wait()
	}
	return nil
}
