package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// EdgeState is the state of an edge, by its last report.
type EdgeState string

// The states of an edge, the worst first.
const (
	EdgeTroubled  EdgeState = "trouble"   // it cannot go on; Reason says why
	EdgeSilent    EdgeState = "silent"    // it has not reported for minutes
	EdgeComparing EdgeState = "comparing" // its whole tree
	EdgeBehind    EdgeState = "behind"    // it has not applied all that was published
	EdgeInSync    EdgeState = "in-sync"
)

// EdgeStates are all states of an edge, the worst first.
func EdgeStates() []EdgeState {
	return []EdgeState{EdgeTroubled, EdgeSilent, EdgeComparing, EdgeBehind, EdgeInSync}
}

// Edge is one edge of a stream.
type Edge struct {
	Name     string    `json:"name"`
	State    EdgeState `json:"state"`
	Sequence uint64    `json:"sequence"` // of the last message that is wholly applied
	// Lag is for how long it has known a change that it has not applied, and Dirty how many paths
	// that concerns.
	Lag      Seconds   `json:"lag_seconds"`
	Dirty    int64     `json:"dirty"`
	Failures int64     `json:"failures"`         // paths that have failed and are tried again
	Reason   string    `json:"reason,omitempty"` // why it cannot go on; may hold names
	Remedy   string    `json:"remedy,omitempty"`
	Heard    time.Time `json:"heard"` // its last report
	Version  string    `json:"version,omitempty"`
}

// Edges are all edges that follow the stream of a lane.
type Edges struct {
	Known   int               `json:"known"`
	ByState map[EdgeState]int `json:"by_state"`
	MaxLag  Seconds           `json:"max_lag_seconds"`
	Refused uint64            `json:"refused_reports"` // that made no sense
	List    []Edge            `json:"list"`            // the worst first
}

// How many edges a snapshot lists, and how many a Detail.
const (
	EdgesShown = 20
	EdgesLimit = 2000
)

// EdgesOf counts and orders edges, and lists as many as most.
func EdgesOf(list []Edge, refused uint64, most int) *Edges {
	e := &Edges{Known: len(list), ByState: map[EdgeState]int{}, Refused: refused}
	for _, one := range list {
		e.ByState[one.State]++
		e.MaxLag = max(e.MaxLag, one.Lag)
	}
	order := EdgeStates()
	slices.SortFunc(list, func(a, b Edge) int {
		return cmp.Or(slices.Index(order, a.State)-slices.Index(order, b.State), cmp.Compare(b.Lag, a.Lag), strings.Compare(a.Name, b.Name))
	})
	e.List = list[:min(most, len(list))]
	return e
}

// amiss is how many edges a person should look at.
func (e *Edges) amiss() int {
	if e == nil {
		return 0
	}
	return e.ByState[EdgeTroubled] + e.ByState[EdgeSilent]
}

// redacted is e without what may hold names of paths.
func (e *Edges) redacted() *Edges {
	if e == nil {
		return nil
	}
	out := *e
	out.List = slices.Clone(e.List)
	for i := range out.List {
		out.List[i].Reason, out.List[i].Remedy = withoutNames(out.List[i].Reason, ""), ""
	}
	return &out
}

// edgesOnScreen is how many edges that are not in sync --status names.
const edgesOnScreen = 10

// edges writes how many edges are in each state, and which are not in sync.
func (t *table) edges(e *Edges) {
	if e == nil {
		return
	}
	if e.Known == 0 {
		t.line("    %s", t.paint(dim, t.word("no edge has reported yet")))
		return
	}
	var parts []string
	for _, s := range slices.Backward(EdgeStates()) {
		if n := e.ByState[s]; n > 0 {
			parts = append(parts, count(n)+" "+t.edgeWord(s))
		}
	}
	color := green
	switch {
	case e.amiss() > 0:
		color = red
	case e.ByState[EdgeInSync] < e.Known:
		color = yellow
	}
	t.line("    %s: %s", t.word("edges"), t.paint(color, strings.Join(parts, t.word(", "))))
	left := e.Known - e.ByState[EdgeInSync]
	for i, one := range e.List {
		if one.State == EdgeInSync || i == edgesOnScreen {
			break
		}
		left--
		t.edge(one)
	}
	if left > 0 {
		t.line("      %s", fmt.Sprintf(t.word("and %d more"), left))
	}
}

// edgeWord is the word for a state of an edge.
func (t *table) edgeWord(s EdgeState) string {
	if w, ok := t.words["edge "+string(s)]; ok {
		return w
	}
	if s == EdgeTroubled {
		return "in trouble"
	}
	return strings.ReplaceAll(string(s), "-", " ")
}

func (t *table) edge(e Edge) {
	text := Printable(e.Name) + ": " + t.edgeWord(e.State)
	if e.Lag > 0 {
		text += t.word(", ") + fmt.Sprintf(t.word("for %s"), Span(time.Duration(e.Lag), t.opts.Lang))
	}
	if e.Failures > 0 {
		text += t.word(", ") + count(int(e.Failures)) + " " + t.word("failing paths")
	}
	t.line("      %s%s%s %s", text, t.word(", "), t.word("heard"), t.ago(e.Heard))
	t.reason("        ", e.Reason, "", e.Remedy)
}
