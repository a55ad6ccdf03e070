package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// row is one line of the table in the report.
type row struct {
	Work    string   `json:"work"`
	Goal    string   `json:"goal"`
	Reached string   `json:"reached"`
	OK      bool     `json:"ok"`
	Figures []figure `json:"figures"`
}

// figure is the result of one contender in a row.
type figure struct {
	Contender string  `json:"contender"`
	Times     int     `json:"times"`
	P50       float64 `json:"p50_ms"`
	P95       float64 `json:"p95_ms"`
	Ratio     float64 `json:"ratio,omitempty"`    // ratio to the reference, median of the pairs
	CPU       float64 `json:"cpu_s,omitempty"`    // processor time of the whole process tree here, for each time
	Remote    float64 `json:"remote_s,omitempty"` // processor time of the daemon on the other side
	PeakMB    float64 `json:"peak_mb,omitempty"`
	Runs      float64 `json:"runs,omitempty"` // rsync runs that the daemon has seen
	Note      string  `json:"note,omitempty"`
}

var rows []row

func add(b *testing.B, r row) {
	b.Helper()
	rows = append(rows, r)
	state := "reached"
	if !r.OK {
		state = "MISSED"
	}
	b.Logf("%s\n  %s: %s (goal: %s)", r.Work, state, r.Reached, r.Goal)
	for _, f := range r.Figures {
		b.Logf("  %+v", f)
	}
	if len(r.Figures) > 0 {
		b.ReportMetric(r.Figures[0].P50, "p50-ms")
		b.ReportMetric(r.Figures[0].Ratio, "ratio")
	}
}

// series are the measurements of one contender.
type series struct {
	name   string
	times  []time.Duration
	ratios []float64
	cpu    []float64
	remote []float64
	runs   []float64
	peak   float64
	note   string
}

func (s *series) add(d time.Duration, cpu, remote float64, runs int) {
	s.times = append(s.times, d)
	s.cpu = append(s.cpu, cpu)
	s.remote = append(s.remote, remote)
	s.runs = append(s.runs, float64(runs))
}

// against notes the ratio of the last time to the reference's last time.
func (s *series) against(ref *series) {
	s.ratios = append(s.ratios, float64(s.times[len(s.times)-1])/float64(ref.times[len(ref.times)-1]))
}

func (s *series) figure() figure {
	ms := make([]float64, len(s.times))
	for i, d := range s.times {
		ms[i] = float64(d) / float64(time.Millisecond)
	}
	return figure{
		Contender: s.name, Times: len(ms), P50: quantile(ms, 0.5), P95: quantile(ms, 0.95), Ratio: quantile(s.ratios, 0.5),
		CPU: quantile(s.cpu, 0.5), Remote: quantile(s.remote, 0.5), Runs: quantile(s.runs, 0.5), PeakMB: s.peak, Note: s.note,
	}
}

func quantile(v []float64, q float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Clone(v)
	slices.Sort(v)
	return v[min(len(v)-1, int(q*float64(len(v))))]
}

// report writes the table, and the figures from which it is made.
func report(dir string) error {
	if dir == "" {
		dir = "."
	}
	data, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "benchmarks.json"), append(data, '\n'), 0o644); err != nil {
		return err
	}
	text := markdown()
	fmt.Print("\n", text)
	return os.WriteFile(filepath.Join(dir, "benchmarks.md"), []byte(text), 0o644)
}

func markdown() string {
	var b strings.Builder
	b.WriteString("| work | must reach | reached | |\n|---|---|---|---|\n")
	for _, r := range rows {
		mark := "yes"
		if !r.OK {
			mark = "**no**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.Work, r.Goal, r.Reached, mark)
	}
	b.WriteString("\n| work | contender | times | p50 ms | p95 ms | ratio | CPU s | remote CPU s | peak MB | rsync runs | |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		for _, f := range r.Figures {
			fmt.Fprintf(&b, "| %s | %s | %d | %.1f | %.1f | %s | %s | %s | %s | %s | %s |\n", r.Work, f.Contender, f.Times,
				f.P50, f.P95, number(f.Ratio, 2), number(f.CPU, 3), number(f.Remote, 3), number(f.PeakMB, 1), number(f.Runs, 0), f.Note)
		}
	}
	return b.String()
}

func number(v float64, digits int) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf("%.*f", digits, v)
}
