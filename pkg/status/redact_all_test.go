package status

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestRedactedHoldsNoName: a reader without the token gets no field of a lane or of its detail that
// contains the name of a path.
func TestRedactedHoldsNoName(t *testing.T) {
	const name = "secret-name"
	lane := Lane{
		ID: "/w#h::m", Root: "/w", Remote: "h::m", Detail: name, Reason: `rsync: mkstemp "` + name + `" failed: Permission denied (13)`,
		Verify:      &Comparison{Time: time.Now(), Names: []string{name}, NewerNames: []string{name}, Extras: []string{name}, Error: `open "` + name + `"`},
		Differences: []Difference{{Kind: Extras, Count: 1, Names: []string{name}}},
		Transfers:   []Transfer{{Path: name}}, Failures: []Failure{{Path: name, Reason: "cannot send " + name, Detail: name, Remedy: "let " + name + " be"}},
	}
	failing := []Wait{{Path: name, Attempt: 1, Reason: "cannot send " + name, Detail: name, Remedy: "chmod " + name, Command: "rsync " + name}}
	d := Detail{
		Names: true, Lane: lane, Pending: Pending{Total: 1, Waits: failing}, Causes: Causes(failing, lane.Failures),
		Deletions: []Deletion{{Path: name}},
	}
	for what, v := range map[string]any{"status": Snapshot{Lanes: []Lane{lane}}.Redacted(), "detail": d.Redacted()} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if i := strings.Index(string(b), name); i >= 0 {
			t.Errorf("%s: %s", what, b[max(0, i-80):i+20])
		}
	}
}
