package stream

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sersync/sersync/pkg/change"
)

// How often an edge reports: when something has changed, but not more often than ReportEvery, and
// at the latest after ReportLatest. An edge that has not reported for Silent is shown as silent.
const (
	ReportEvery  = 5 * time.Second
	ReportLatest = time.Minute
	Silent       = 3 * time.Minute
)

// MaxReport is the size in bytes of a report or an announcement that is read.
const MaxReport = 8 << 10

// maxText is the greatest length of a text in a report, in bytes: a longer one is cut off.
const maxText = 300

// Report is what an edge says of itself and one tree. What it says about anything else is not
// trusted.
type Report struct {
	Edge string `json:"edge"`
	Tree string `json:"tree"`
	// Epoch, Sequence and Generation are those of the last message that is wholly
	// applied: everything up to it is on the edge's disk. Epoch is 32 hexadecimal
	// digits, empty before the first message.
	Epoch      string `json:"epoch,omitempty"`
	Sequence   uint64 `json:"sequence"`
	Generation uint64 `json:"generation"`
	// Dirty is how many paths are known to differ, or have to be looked at.
	Dirty int64 `json:"dirty"`
	// Lag is for how many seconds the edge has known something that it has not
	// applied, by its own clock; 0: it has applied all that it knows.
	Lag float64 `json:"lag"`
	// Failures is how many paths have failed and are tried again, Refused how many
	// messages were refused since the start.
	Failures int64 `json:"failures"`
	Refused  int64 `json:"refused"`
	// Trouble is why the edge cannot go on, and Remedy what to do; empty: it goes on.
	Trouble string `json:"trouble,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
	// Bootstrapping says that the edge is comparing its whole tree.
	Bootstrapping bool      `json:"bootstrapping,omitempty"`
	Version       string    `json:"version,omitempty"` // of the program
	Time          time.Time `json:"time"`              // by the edge's clock
}

// Encode writes a report.
func (r Report) Encode() ([]byte, error) {
	r.Trouble, r.Remedy, r.Version = clip(r.Trouble), clip(r.Remedy), clip(r.Version)
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("report of edge %s: %w", r.Edge, err)
	}
	return b, nil
}

// DecodeReport reads the report under the key of an edge and a tree. A report about another edge or
// tree, or one that makes no sense, is refused.
func DecodeReport(edge, tree string, b []byte) (Report, error) {
	var r Report
	if len(b) > MaxReport {
		return Report{}, fmt.Errorf("report of edge %s about tree %s: %d bytes are too many", edge, tree, len(b))
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return Report{}, fmt.Errorf("report of edge %s about tree %s: %w", edge, tree, err)
	}
	if r.Edge != edge || r.Tree != tree {
		return Report{}, fmt.Errorf("report of edge %s about tree %s says that it is of %q about %q", edge, tree, clip(r.Edge), clip(r.Tree))
	}
	if _, ok := ParseEpoch(r.Epoch); !ok && r.Epoch != "" || r.Dirty < 0 || r.Lag < 0 || r.Failures < 0 || r.Refused < 0 {
		return Report{}, fmt.Errorf("report of edge %s about tree %s holds numbers that cannot be", edge, tree)
	}
	r.Trouble, r.Remedy, r.Version = clip(r.Trouble), clip(r.Remedy), clip(r.Version)
	return r, nil
}

// Mirror is the announcement of an edge that serves its tree to other edges.
type Mirror struct {
	Edge  string `json:"edge"`
	Tree  string `json:"tree"`
	Epoch string `json:"epoch"`
	// Generation is how far the mirror is: it serves every path that messages up to this generation
	// have named.
	Generation uint64 `json:"generation"`
	// Address is where its rsync daemon serves the tree, for people: an edge fetches
	// only from addresses that its own configuration names.
	Address string    `json:"address,omitempty"`
	Time    time.Time `json:"time"`
}

// Encode writes an announcement.
func (m Mirror) Encode() ([]byte, error) {
	m.Address = clip(m.Address)
	b, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("announcement of mirror %s: %w", m.Edge, err)
	}
	return b, nil
}

// DecodeMirror reads the announcement under the key of an edge and a tree.
func DecodeMirror(edge, tree string, b []byte) (Mirror, error) {
	var m Mirror
	if len(b) > MaxReport {
		return Mirror{}, fmt.Errorf("announcement of mirror %s of tree %s: %d bytes are too many", edge, tree, len(b))
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return Mirror{}, fmt.Errorf("announcement of mirror %s of tree %s: %w", edge, tree, err)
	}
	if _, ok := ParseEpoch(m.Epoch); !ok || m.Edge != edge || m.Tree != tree {
		return Mirror{}, fmt.Errorf("announcement of mirror %s of tree %s is of another one", edge, tree)
	}
	m.Address = clip(m.Address)
	return m, nil
}

// EpochText is an epoch as reports hold it.
func EpochText(e change.Epoch) string { return hex.EncodeToString(e[:]) }

// ParseEpoch reads what EpochText has written.
func ParseEpoch(s string) (e change.Epoch, ok bool) {
	n, err := hex.Decode(e[:], []byte(s[:min(len(s), 2*len(e))]))
	return e, err == nil && n == len(e) && len(s) == 2*len(e)
}

// clip makes one short line of printable text.
func clip(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || c == utf8.RuneError {
			return '?'
		}
		return c
	}, s)
	if len(s) <= maxText {
		return s
	}
	end := maxText
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
