package failqueue

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

// What can be wrong with a state file; StateError wraps one of them. None of
// them stops a lane: the file is treated as absent.
var (
	ErrStateDamaged = errors.New("damaged")
	ErrStateForeign = errors.New("not ours")
	ErrStateVersion = errors.New("written by a newer version")
	ErrStateFuture  = errors.New("dated in the future")
	ErrClockSetBack = errors.New("the clock was set back")
)

// StateError says why a state file is not used.
type StateError struct {
	Path   string
	Kind   error  // one of the errors above
	Detail string // what exactly, may be empty
	Err    error  // the cause, may be nil
}

// Error is cause and consequence on one line.
func (e *StateError) Error() string {
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
func (e *StateError) Unwrap() []error {
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

const stateFormat = "sersync lane state"

// record is LaneState as JSON. Names are part of the file format.
type record struct {
	Lane         brake.RawPath  `json:"lane"`
	Saved        Clock          `json:"saved"`
	Watermark    time.Time      `json:"watermark,omitzero"`
	MirrorDone   bool           `json:"mirror_done"`
	RootIdentity brake.Identity `json:"root_identity"`
	Capabilities []capability   `json:"capabilities,omitempty"`
	LastSuccess  time.Time      `json:"last_success,omitzero"`
}

// capability is an entry of LaneState.Capabilities. It is no JSON object
// because keys of objects do not pass through MarshalText.
type capability struct {
	Name  brake.RawPath `json:"name"`
	Value brake.RawPath `json:"value"`
}

func encodeState(s LaneState) ([]byte, error) {
	r := record{
		Lane: brake.RawPath(s.Lane), Saved: s.Saved, Watermark: s.Watermark.UTC(),
		MirrorDone: s.MirrorDone, RootIdentity: s.RootIdentity, LastSuccess: s.LastSuccess.UTC(),
	}
	for _, name := range slices.Sorted(maps.Keys(s.Capabilities)) {
		r.Capabilities = append(r.Capabilities, capability{brake.RawPath(name), brake.RawPath(s.Capabilities[name])})
	}
	state, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(state)
	data, err := json.Marshal(envelope{
		Format: stateFormat, Version: stateVersion, SHA256: hex.EncodeToString(sum[:]), State: state,
	})
	return append(data, '\n'), err
}

// decodeState reads what encodeState wrote. The *StateError has no path yet.
func decodeState(data []byte) (LaneState, *StateError) {
	var e envelope
	if err := json.Unmarshal(data, &e); err != nil {
		return LaneState{}, &StateError{Kind: ErrStateDamaged, Err: err}
	}
	if e.Format != stateFormat || e.Version < 1 {
		return LaneState{}, &StateError{Kind: ErrStateDamaged, Detail: "not a state file"}
	}
	if e.Version > stateVersion {
		return LaneState{}, &StateError{Kind: ErrStateVersion, Detail: fmt.Sprintf("format %d, known is %d", e.Version, stateVersion)}
	}
	sum := sha256.Sum256(e.State)
	if hex.EncodeToString(sum[:]) != e.SHA256 {
		return LaneState{}, &StateError{Kind: ErrStateDamaged, Detail: "checksum differs"}
	}
	var r record
	if err := json.Unmarshal(e.State, &r); err != nil {
		return LaneState{}, &StateError{Kind: ErrStateDamaged, Err: err}
	}
	s := LaneState{
		Version: e.Version, Lane: string(r.Lane), Saved: r.Saved, Watermark: r.Watermark,
		MirrorDone: r.MirrorDone, RootIdentity: r.RootIdentity, LastSuccess: r.LastSuccess,
	}
	for _, c := range r.Capabilities {
		if s.Capabilities == nil {
			s.Capabilities = make(map[string]string, len(r.Capabilities))
		}
		s.Capabilities[string(c.Name)] = string(c.Value)
	}
	if s.Saved.Now.IsZero() || s.Watermark.After(s.Saved.Now) {
		return LaneState{}, &StateError{Kind: ErrStateDamaged, Detail: "its times contradict each other"}
	}
	return s, nil
}
