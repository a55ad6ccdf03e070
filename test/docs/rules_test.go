package docs

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/statuspage"
)

// oneOfEach is a state in which every metric has a value.
type oneOfEach struct{}

func (oneOfEach) Snapshot() status.Snapshot {
	return status.Snapshot{
		Now: time.Now(), Ready: true,
		Roots:   []status.Root{{Path: "/data", State: status.RootWatched}},
		Lanes:   []status.Lane{{ID: "a", Root: "/data", Remote: "h::m", State: status.LaneInSync}},
		Plugins: []status.Plugin{{Name: "socket"}},
	}
}

// scrape gets the metrics of a real status page.
func scrape(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "socket")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	server := statuspage.New(statuspage.Options{Host: confxml.Host{Socket: socket}}, oneOfEach{})
	go func() { ended <- server.Run(ctx) }()
	defer func() {
		cancel()
		<-ended
	}()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	var body []byte
	testkit.Eventually(t, 10*time.Second, "the page answers", func() bool {
		r, err := client.Get("http://localhost/metrics")
		if err != nil {
			return false
		}
		defer r.Body.Close()
		body, err = io.ReadAll(r.Body)
		return err == nil && r.StatusCode == http.StatusOK
	})
	return string(body)
}

var (
	series   = regexp.MustCompile(`(?m)^(sersync_\w+)(?:\{([^}]*)\})? `)
	label    = regexp.MustCompile(`(\w+)="([^"]*)"`)
	mentions = regexp.MustCompile(`\bsersync_\w+`)
	selector = regexp.MustCompile(`(sersync_\w+)\{(\w+)(=~|=)"([^"]*)"\}`)
)

// joins tells whether an expression takes the label from another metric, by labels that both
// metrics have.
func joins(expr, label string, values map[string]map[string][]string) bool {
	m := regexp.MustCompile(`^\((\w+).* on \(job, instance, (\w+)\) group_left \((\w+)\) (\w+)$`).FindStringSubmatch(expr)
	if m == nil {
		return false
	}
	left, by, taken, right := m[1], m[2], m[3], m[4]
	return taken == label && values[left][by] != nil && values[right][by] != nil && values[right][label] != nil
}

// TestAlertRules: the rules use metrics, labels and states that exist.
func TestAlertRules(t *testing.T) {
	rules := read(t, "packaging/prometheus/sersync.rules.yml")
	values := map[string]map[string][]string{} // values by metric and label
	for _, m := range series.FindAllStringSubmatch(scrape(t), -1) {
		if values[m[1]] == nil {
			values[m[1]] = map[string][]string{}
		}
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			values[m[1]][l[1]] = append(values[m[1]][l[1]], l[2])
		}
	}
	if len(values) < 20 {
		t.Fatalf("only %d metrics", len(values))
	}
	alerts := 0
	for _, alert := range strings.Split(rules, "- alert: ")[1:] {
		alerts++
		name, _, _ := strings.Cut(alert, "\n")
		expr := regexp.MustCompile(`(?m)^ +expr: (.*)$`).FindStringSubmatch(alert)
		if expr == nil {
			t.Errorf("%s has no expression", name)
			continue
		}
		metrics := mentions.FindAllString(expr[1], -1)
		for _, m := range metrics {
			if values[m] == nil {
				t.Errorf("%s: there is no metric %s", name, m)
			}
		}
		for _, m := range selector.FindAllStringSubmatch(expr[1], -1) {
			for value := range strings.SplitSeq(m[4], "|") {
				if !slices.Contains(values[m[1]][m[2]], value) {
					t.Errorf("%s: %s never has %s=%q", name, m[1], m[2], value)
				}
			}
		}
		for _, l := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(alert, -1) {
			own := len(metrics) > 0 && values[metrics[0]][l[1]] != nil
			if l[1] != "instance" && !own && !joins(expr[1], l[1], values) {
				t.Errorf("%s: the label %s is not there", name, l[1])
			}
		}
	}
	if alerts < 10 || bytes.ContainsRune([]byte(rules), '\t') {
		t.Errorf("%d alerts, or a tab in YAML", alerts)
	}
}
