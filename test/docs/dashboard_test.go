package docs

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDashboard: the queries of the dashboard for Grafana use metrics and labels that /metrics has,
// and no panel covers another one.
func TestDashboard(t *testing.T) {
	var d struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr, LegendFormat string }
		}
		Templating struct{ List []struct{ Definition string } }
	}
	if err := json.Unmarshal([]byte(read(t, "packaging/grafana/sersync.json")), &d); err != nil {
		t.Fatal(err)
	}
	labels := map[string][]string{}
	text := scrape(t)
	for _, m := range regexp.MustCompile(`(?m)^(\w+)(?:\{([^}]*)\})? `).FindAllStringSubmatch(text, -1) {
		for _, l := range label.FindAllStringSubmatch(m[2], -1) {
			labels[m[1]] = append(labels[m[1]], l[1])
		}
		labels[m[1]] = append(labels[m[1]], "job", "instance") // the scrape adds these labels
	}
	metric := regexp.MustCompile(`\b(?:sersync|process|go)_\w+`)
	exists := func(where, expr string) {
		names := metric.FindAllString(expr, -1)
		if len(names) == 0 {
			t.Errorf("%s: no metric in %q", where, expr)
		}
		for _, name := range names {
			if labels[name] == nil {
				t.Errorf("%s: there is no metric %s", where, name)
			}
		}
		for _, m := range regexp.MustCompile(`(\w+)\{([^}]*)\}`).FindAllStringSubmatch(expr, -1) {
			for _, l := range regexp.MustCompile(`(\w+)=~?"`).FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(labels[m[1]], l[1]) {
					t.Errorf("%s: %s has no label %s", where, m[1], l[1])
				}
			}
		}
	}
	taken := map[string]string{}
	ids := map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] || len(p.Targets) == 0 {
			t.Errorf("panel %s: its number %d is another's, or it asks for nothing", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				at := fmt.Sprint(x, " ", y)
				if taken[at] != "" || x >= 24 {
					t.Errorf("panel %s covers %s at %s", p.Title, taken[at], at)
				}
				taken[at] = p.Title
			}
		}
		for _, target := range p.Targets {
			exists(p.Title, target.Expr)
			for _, l := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				known := slices.ContainsFunc(metric.FindAllString(target.Expr, -1), func(m string) bool { return slices.Contains(labels[m], l[1]) })
				if !known {
					t.Errorf("panel %s: nothing in %q has the label %s", p.Title, target.Expr, l[1])
				}
			}
		}
	}
	for _, v := range d.Templating.List {
		if strings.Contains(v.Definition, "sersync") {
			exists("a variable", v.Definition)
		}
	}
	if len(d.Panels) < 15 {
		t.Errorf("only %d panels", len(d.Panels))
	}
}
