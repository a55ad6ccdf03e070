package status

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// RecorderBytes is the size of what Recorder.AppendBinary writes, and recentBytes
// the part of it that holds the recent entries.
const (
	RecorderBytes = ChronicleBytes + recentBytes
	recentBytes   = 8 << 10
)

// recentEntries are the newest transfers and failures, as JSON.
type recentEntries struct {
	Transfers []wireTransfer `json:"transfers"`
	Failures  []wireFailure  `json:"failures"`
}

// Changed tells whether anything but silence was recorded since the last
// AppendBinary.
func (r *Recorder) Changed() bool { return r.chronicle.Changed() }

// AppendBinary appends RecorderBytes from which a later process goes on: the last hour and day, and
// the newest of the recent entries, as many as fit.
func (r *Recorder) AppendBinary(b []byte) ([]byte, error) {
	b, err := r.chronicle.AppendBinary(b)
	if err != nil {
		return nil, fmt.Errorf("remember a lane's history: %w", err)
	}
	recent, err := r.recent()
	if err != nil {
		return nil, fmt.Errorf("remember a lane's history: %w", err)
	}
	return append(append(b, recent...), bytes.Repeat([]byte{' '}, recentBytes-len(recent))...), nil
}

// recent is the newest entries in at most recentBytes.
func (r *Recorder) recent() ([]byte, error) {
	var e recentEntries
	for _, t := range r.transfers.Items() {
		e.Transfers = append(e.Transfers, wireTransfer{plainTransfer(t), rawBytes(t.Path)})
	}
	for _, f := range r.failures.Items() {
		e.Failures = append(e.Failures, wireFailure{plainFailure(f), rawBytes(f.Path)})
	}
	for {
		b, err := json.Marshal(e)
		if err != nil || len(b) <= recentBytes {
			return b, err
		}
		if len(e.Transfers) > len(e.Failures) {
			e.Transfers = e.Transfers[:len(e.Transfers)/2]
		} else {
			e.Failures = e.Failures[:len(e.Failures)/2]
		}
	}
}

// UnmarshalBinary takes over what AppendBinary wrote. Call it before anything is recorded. After an
// error the recorder is empty.
func (r *Recorder) UnmarshalBinary(b []byte) error {
	if len(b) != RecorderBytes {
		return errChronicle
	}
	var e recentEntries
	if err := json.Unmarshal(b[ChronicleBytes:], &e); err != nil {
		return errChronicle
	}
	if err := r.chronicle.UnmarshalBinary(b[:ChronicleBytes]); err != nil {
		return err
	}
	for _, t := range slices.Backward(e.Transfers) {
		t.Path = exact(t.Path, t.PathBytes)
		r.transfers.Add(Transfer(t.plainTransfer))
	}
	for _, f := range slices.Backward(e.Failures) {
		f.Path = exact(f.Path, f.PathBytes)
		r.failures.Add(Failure(f.plainFailure))
	}
	return nil
}
