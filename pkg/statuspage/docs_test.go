package statuspage

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/status"
)

func apiDoc(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEveryMetricIsDocumentedAndReverse(t *testing.T) {
	name := regexp.MustCompile(`sersync_[a-z0-9_]+`)
	sorted := func(text string) []string {
		list := name.FindAllString(text, -1)
		slices.Sort(list)
		return slices.Compact(list)
	}
	var served []string
	for line := range strings.SplitSeq(scrape(t, newFake()), "\n") {
		if strings.HasPrefix(line, "# TYPE sersync_") {
			served = append(served, strings.Fields(line)[2])
		}
	}
	if got, want := sorted(apiDoc(t)), sorted(strings.Join(served, " ")); !slices.Equal(got, want) {
		t.Errorf("docs/api.md has\n%v\n/metrics has\n%v", got, want)
	}
}

// Each member of the JSON answer is documented.
func TestEveryMemberIsDocumented(t *testing.T) {
	now := time.Now()
	s := newFake().snap
	s.Host, s.Started, s.Roots[0].Reason, s.Roots[0].Remedy, s.Roots[0].Since = "h", now, "r", "r", now
	l := &s.Lanes[0]
	l.Reason, l.Detail, l.Remedy, l.Since, l.NextTry, l.OldestPending, l.LastSuccess, l.LastFailure = "r", "d", "r", now, now, now, now, now
	l.Progress = &status.Progress{Since: now, Until: now}
	l.Verify = &status.Comparison{Time: now, Error: "e", Names: []string{"\xff"}, Extras: []string{"\xff"}}
	l.FullSyncSince = now
	l.Differences = []status.Difference{{Kind: status.Newer, Count: 1, Since: now, Remedy: "r", Names: []string{"\xff"}}}
	l.Transfers[0].Files = 2
	l.Failures[0].Detail, l.Failures[0].Remedy = "d", "r"
	p := &s.Plugins[0]
	p.LastFailure, p.LastSuccess, p.OldestPending = now, now, now
	b, err := status.Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(b, &tree); err != nil {
		t.Fatal(err)
	}
	doc := apiDoc(t)
	n := 0
	members(tree, func(name string) {
		n++
		if !strings.Contains(doc, "`"+name+"`") && !strings.Contains(doc, "`"+name+"[]`") && !strings.Contains(doc, "overall."+name) && name != "overall" {
			t.Errorf("docs/api.md does not explain %s", name)
		}
	})
	if n < 70 {
		t.Errorf("only %d members were looked at", n)
	}
}

func members(v any, visit func(name string)) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			visit(k)
			members(e, visit)
		}
	case []any:
		for _, e := range v {
			members(e, visit)
		}
	}
}

func TestEveryActionIsDocumented(t *testing.T) {
	doc := apiDoc(t)
	for _, v := range status.Verbs() {
		if !strings.Contains(doc, "`/api/"+string(v)+"`") {
			t.Errorf("docs/api.md does not explain %s", v)
		}
	}
}
