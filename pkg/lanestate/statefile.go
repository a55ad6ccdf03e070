package lanestate

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sersync/sersync/pkg/brake"
)

// What can be wrong with a state file; Error wraps one of them. None of
// them stops a lane: the file is treated as absent.
var (
	ErrDamaged      = errors.New("damaged")
	ErrForeign      = errors.New("not ours")
	ErrNewer        = errors.New("written by a newer version")
	ErrFuture       = errors.New("dated in the future")
	ErrClockSetBack = errors.New("the clock was set back")
)

// Error says why a state file is not used.
type Error struct {
	Path   string
	Kind   error  // one of the errors above
	Detail string // what exactly, may be empty
	Err    error  // the cause, may be nil
}

// Error is cause and consequence on one line.
func (e *Error) Error() string {
	text := fmt.Sprintf("state file %q: %v", e.Path, e.Kind)
	if e.Detail != "" {
		text += " (" + e.Detail + ")"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text + "; it is not used, so the lane is compared with its remote as a whole"
}

// Unwrap gives the kind and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// envelope is the file: the state with the checksum of its bytes.
type envelope struct {
	Format  string          `json:"format"`
	Version int             `json:"version"`
	SHA256  string          `json:"sha256"`
	State   json.RawMessage `json:"state"`
}

const format = "sersync lane state"

// record is State as JSON. Names are part of the file format.
type record struct {
	Lane         brake.RawPath   `json:"lane"`
	Saved        Clock           `json:"saved"`
	Watermark    time.Time       `json:"watermark,omitzero"`
	MirrorDone   bool            `json:"mirror_done"`
	MirrorScope  []brake.RawPath `json:"mirror_scope"`
	RootIdentity brake.Identity  `json:"root_identity"`
	Capabilities []capability    `json:"capabilities,omitempty"`
	LastSuccess  time.Time       `json:"last_success,omitzero"`
	Differences  []difference    `json:"differences,omitempty"`
	Moved        []moved         `json:"moved,omitempty"`
}

// moved is a Moved as JSON.
type moved struct {
	From brake.RawPath `json:"from"`
	To   brake.RawPath `json:"to"`
}

// difference is a Difference as JSON.
type difference struct {
	Kind  string          `json:"kind"`
	Count int             `json:"count"`
	Since time.Time       `json:"since"`
	Names []brake.RawPath `json:"names,omitempty"`
}

// capability is an entry of State.Capabilities. It is no JSON object
// because keys of objects do not pass through MarshalText.
type capability struct {
	Name  brake.RawPath `json:"name"`
	Value brake.RawPath `json:"value"`
}

func encode(s State) ([]byte, error) {
	r := record{
		Lane: brake.RawPath(s.Lane), Saved: s.Saved, Watermark: s.Watermark.UTC(),
		MirrorDone: s.MirrorDone, RootIdentity: s.RootIdentity, LastSuccess: s.LastSuccess.UTC(),
	}
	if s.MirrorScope != nil {
		r.MirrorScope = make([]brake.RawPath, len(s.MirrorScope))
	}
	for i, line := range s.MirrorScope {
		r.MirrorScope[i] = brake.RawPath(line)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Capabilities)) {
		r.Capabilities = append(r.Capabilities, capability{brake.RawPath(name), brake.RawPath(s.Capabilities[name])})
	}
	for _, d := range s.Differences {
		out := difference{Kind: d.Kind, Count: d.Count, Since: d.Since.UTC()}
		for _, n := range d.Names {
			out.Names = append(out.Names, brake.RawPath(n))
		}
		r.Differences = append(r.Differences, out)
	}
	for _, m := range s.Moved {
		r.Moved = append(r.Moved, moved{brake.RawPath(m.From), brake.RawPath(m.To)})
	}
	state, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(state)
	data, err := json.Marshal(envelope{
		Format: format, Version: version, SHA256: hex.EncodeToString(sum[:]), State: state,
	})
	return append(data, '\n'), err
}

// decode reads what encode wrote. The *Error has no path yet.
func decode(data []byte) (State, *Error) {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return State{}, &Error{Kind: ErrDamaged, Err: err}
	}
	if e.Format != format || e.Version < 1 {
		return State{}, &Error{Kind: ErrDamaged, Detail: "not a state file"}
	}
	if e.Version > version {
		return State{}, &Error{Kind: ErrNewer, Detail: fmt.Sprintf("format %d, known is %d", e.Version, version)}
	}
	sum := sha256.Sum256(e.State)
	if hex.EncodeToString(sum[:]) != e.SHA256 {
		return State{}, &Error{Kind: ErrDamaged, Detail: "checksum differs"}
	}
	var r record
	if err := json.Unmarshal(e.State, &r); err != nil {
		return State{}, &Error{Kind: ErrDamaged, Err: err}
	}
	s := State{
		Version: e.Version, Lane: string(r.Lane), Saved: r.Saved, Watermark: r.Watermark,
		MirrorDone: r.MirrorDone, RootIdentity: r.RootIdentity, LastSuccess: r.LastSuccess,
	}
	if r.MirrorScope != nil {
		s.MirrorScope = make([]string, len(r.MirrorScope))
	}
	for i, line := range r.MirrorScope {
		s.MirrorScope[i] = string(line)
	}
	for _, c := range r.Capabilities {
		if s.Capabilities == nil {
			s.Capabilities = make(map[string]string, len(r.Capabilities))
		}
		s.Capabilities[string(c.Name)] = string(c.Value)
	}
	for _, d := range r.Differences {
		out := Difference{Kind: d.Kind, Count: d.Count, Since: d.Since}
		for _, n := range d.Names {
			out.Names = append(out.Names, string(n))
		}
		s.Differences = append(s.Differences, out)
	}
	for _, m := range r.Moved {
		s.Moved = append(s.Moved, Moved{From: string(m.From), To: string(m.To)})
	}
	if s.Saved.Now.IsZero() || s.Watermark.After(s.Saved.Now) {
		return State{}, &Error{Kind: ErrDamaged, Detail: "its times contradict each other"}
	}
	return s, nil
}
