package status

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Detail is what a lane shows when it is opened.
type Detail struct {
	Now time.Time `json:"now"`
	// Names says that path names are part of it; Redacted clears it.
	Names     bool       `json:"names"`
	Lane      Lane       `json:"lane"`
	Pending   Pending    `json:"pending"` // the oldest
	Causes    []Cause    `json:"causes"`  // why paths fail, the commonest first
	Deletions []Deletion `json:"deletions"`
	Hour      Past       `json:"hour"`
	Day       Past       `json:"day"`
}

// Cause is one reason for which paths fail.
type Cause struct {
	Reason string    `json:"reason"`
	Remedy string    `json:"remedy,omitempty"`
	Paths  int       `json:"paths"`            // that fail now for this reason
	Times  int       `json:"times"`            // among the recent failures of the lane
	Last   time.Time `json:"last,omitzero"`    // the newest of these
	Exit   int       `json:"exit"`             // exit status of rsync; -1: none
	Names  []string  `json:"names,omitempty"`  // the first of the paths
	Detail string    `json:"detail,omitempty"` // what rsync said of the newest
	// Command sends the first of the paths by hand.
	Command string `json:"command,omitempty"`
}

// CauseNames is how many paths a Cause names at most.
const CauseNames = 10

// Deletion is a path that was deleted on the remote, as the audit log has it.
type Deletion struct {
	Time  time.Time `json:"time"`
	Path  string    `json:"path"`
	Cause string    `json:"cause"` // event, mirror, catch-up, verify or versions
}

// Causes groups failures, and the paths that fail now, by their reasons.
func Causes(failing []Wait, recent []Failure) []Cause {
	var list []Cause
	find := func(reason, remedy string) *Cause {
		i := slices.IndexFunc(list, func(c Cause) bool { return c.Reason == reason && c.Remedy == remedy })
		if i < 0 {
			i = len(list)
			list = append(list, Cause{Reason: reason, Remedy: remedy, Exit: -1})
		}
		return &list[i]
	}
	for _, w := range failing {
		if w.Attempt == 0 || w.Reason == "" {
			continue
		}
		c := find(w.Reason, w.Remedy)
		c.Paths++
		if len(c.Names) < CauseNames {
			c.Names = append(c.Names, w.Path)
		}
		if c.Command == "" {
			c.Command, c.Detail = w.Command, w.Detail
		}
	}
	for _, f := range recent {
		c := find(f.Reason, f.Remedy)
		c.Times++
		if f.Time.After(c.Last) {
			c.Last, c.Exit = f.Time, f.Exit
			if f.Detail != "" {
				c.Detail = f.Detail
			}
		}
		if f.Path != "" && len(c.Names) < CauseNames && !slices.Contains(c.Names, f.Path) {
			c.Names = append(c.Names, f.Path)
		}
	}
	slices.SortStableFunc(list, func(a, b Cause) int {
		if a.Paths != b.Paths {
			return b.Paths - a.Paths
		}
		return b.Last.Compare(a.Last)
	})
	return list
}

// Redacted is the detail for readers who may not see path names.
func (d Detail) Redacted() Detail {
	d.Names = false
	d.Lane = redactedLane(d.Lane)
	d.Pending.Waits, d.Deletions = nil, nil
	d.Causes = slices.Clone(d.Causes)
	for i := range d.Causes {
		c := &d.Causes[i]
		c.Reason = withoutNames(c.Reason, "")
		for _, n := range c.Names {
			c.Reason = withoutNames(c.Reason, n)
			if quotes(c.Remedy, n) {
				c.Remedy = ""
			}
		}
		c.Names, c.Detail, c.Command = nil, "", ""
	}
	return d
}

type plainDetail Detail

type wireDetail struct {
	plainDetail
	Lane      wireLane       `json:"lane"`
	Causes    []wireCause    `json:"causes"`
	Deletions []wireDeletion `json:"deletions"`
	Said      Sentences      `json:"said,omitempty"`
}

type plainCause Cause

type wireCause struct {
	plainCause
	NamesBytes [][]byte `json:"names_bytes,omitempty"` // as in wireVerify
}

type plainDeletion Deletion

type wireDeletion struct {
	plainDeletion
	PathBytes []byte `json:"path_bytes,omitempty"`
}

// MarshalJSON writes names as Encode does.
func (d Detail) MarshalJSON() ([]byte, error) {
	w := wireDetail{
		plainDetail: plainDetail(d), Lane: toWireLane(d.Lane),
		Causes: make([]wireCause, len(d.Causes)), Deletions: make([]wireDeletion, len(d.Deletions)), Said: d.sentences(),
	}
	for i, c := range d.Causes {
		w.Causes[i] = wireCause{plainCause(c), rawNames(c.Names)}
	}
	for i, x := range d.Deletions {
		w.Deletions[i] = wireDeletion{plainDeletion(x), rawBytes(x.Path)}
	}
	b, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("encode a lane: %w", err)
	}
	return b, nil
}
