package statuspage

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/sersync/sersync/pkg/status"
)

// maxScrapes is how many scrapes are answered at a time; more get 503.
const maxScrapes = 4

// metrics is the handler of /metrics, on a registry of its own.
func (s *Server) metrics() http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(newCollector(s.cache.snapshot), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: maxScrapes})
}

// collector turns a snapshot into metrics at the time of a scrape. Its labels are the number of the
// lane, root or plugin in the order of the configuration file, destinations, plugin names and
// states: as many as the file has, however large the tree is. The paths of watch roots are labels
// only of the info metrics, with which rules join them; no other path is a label.
type collector struct {
	snapshot func() status.Snapshot
	program  []metric[status.Snapshot]
	roots    []metric[status.Root]
	lanes    []metric[laneAt]
	plugins  []metric[pluginAt]

	build, rootInfo, rootState, laneInfo, laneState, laneLatency, laneDifferences, laneEdges, laneEdgesLag *prometheus.Desc
}

type laneAt struct {
	status.Lane
	now time.Time
}

// verified is the last comparison; the zero one before the first.
func (l laneAt) verified() status.Comparison {
	if l.Verify == nil {
		return status.Comparison{}
	}
	return *l.Verify
}

type pluginAt struct {
	status.Plugin
	now time.Time
}

// metric is one number of T.
type metric[T any] struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(T) float64
}

func gauge[T any](name, help string, labels []string, value func(T) float64) metric[T] {
	return metric[T]{prometheus.NewDesc("sersync_"+name, help, labels, nil), prometheus.GaugeValue, value}
}

func counter[T any](name, help string, labels []string, value func(T) float64) metric[T] {
	return metric[T]{prometheus.NewDesc("sersync_"+name, help, labels, nil), prometheus.CounterValue, value}
}

func newCollector(snapshot func() status.Snapshot) *collector {
	root, lane := []string{"root"}, []string{"lane", "remote"}
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("sersync_"+name, help, labels, nil)
	}
	return &collector{
		snapshot:        snapshot,
		program:         programMetrics(),
		roots:           []metric[status.Root]{gauge("root_directories", "Watched directories.", root, func(r status.Root) float64 { return float64(r.Directories) })},
		lanes:           laneMetrics(lane),
		plugins:         pluginMetrics([]string{"plugin", "name"}),
		build:           desc("build_info", "Always 1; the version is the label.", "version"),
		rootInfo:        desc("root_info", "Always 1; the path of the watch root is a label.", "root", "path"),
		laneInfo:        desc("lane_info", "Always 1; the watch root's number and path, and the id that actions take, are labels.", "lane", "remote", "root", "path", "id"),
		rootState:       desc("root_state", "1 for the state the watch root is in, 0 for the others.", "root", "state"),
		laneState:       desc("lane_state", "1 for the state the lane is in, 0 for the others.", "lane", "remote", "state"),
		laneLatency:     desc("lane_latency_seconds", "Time from a change to its arrival on the remote: quantiles of the last five minutes, count and sum since the start.", "lane", "remote"),
		laneEdges:       desc("lane_edges", "Edges of the lane's stream, by the state that their last reports tell.", "lane", "remote", "state"),
		laneEdgesLag:    desc("lane_edges_max_lag_seconds", "For how long the slowest edge of the lane's stream has known something that it has not applied.", "lane", "remote"),
		laneDifferences: desc("lane_known_differences", "Paths that are known to differ on the remote although nothing of them is on its way.", "lane", "remote", "kind"),
	}
}

func programMetrics() []metric[status.Snapshot] {
	type s = status.Snapshot
	return []metric[s]{
		gauge("ready", "1 once every watch root is watched.", nil, func(v s) float64 { return truth(v.Ready) }),
		gauge("level", "Verdict: 0 in sync, 1 lagging, 2 failing.", nil, func(v s) float64 { l, _ := status.Overall(v); return float64(l) }),
		gauge("config_problems", "Errors of the configuration with which the program runs.", nil, func(v s) float64 { return float64(len(v.ConfigProblems)) }),
		gauge("notes", "What a person should see to although syncing goes on, such as a state that cannot be saved.", nil, func(v s) float64 { return float64(len(v.Notes)) }),
		gauge("start_time_seconds", "When the program started, in seconds since the epoch.", nil, func(v s) float64 { return epoch(v.Started) }),
		gauge("watches", "Watch descriptors in use.", nil, func(v s) float64 { return float64(v.Watches.Count) }),
		gauge("watches_limit", "fs.inotify.max_user_watches; 0 when unknown.", nil, func(v s) float64 { return float64(v.Watches.Limit) }),
		gauge("uncovered_directories", "Directories without a watch, covered by rescans.", nil, func(v s) float64 { return float64(v.Watches.Uncovered) }),
		counter("overflows_total", "Overflows of the kernel's event queue.", nil, func(v s) float64 { return float64(v.Watches.Overflows) }),
	}
}

func laneMetrics(labels []string) []metric[laneAt] {
	type l = laneAt
	return []metric[l]{
		gauge("lane_pending_paths", "Dirty paths that wait.", labels, func(v l) float64 { return float64(v.Pending) }),
		gauge("lane_in_flight_paths", "Paths in running batches.", labels, func(v l) float64 { return float64(v.InFlight) }),
		gauge("lane_failing_paths", "Paths that failed and are in backoff.", labels, func(v l) float64 { return float64(v.Failing) }),
		gauge("lane_excluded_paths", "Paths that the remote's own configuration excludes.", labels, func(v l) float64 { return float64(v.Excluded) }),
		gauge("lane_lag_seconds", "Age of the oldest change not yet on the remote.", labels, func(v l) float64 { return v.Lag(v.now).Seconds() }),
		gauge("lane_held", "1 while busy hours hold a full sync or large files.", labels, func(v l) float64 { return truth(v.Held(v.now)) }),
		gauge("lane_last_success_timestamp_seconds", "End of the last successful run; 0 before the first.", labels, func(v l) float64 { return epoch(v.LastSuccess) }),
		gauge("lane_last_failure_timestamp_seconds", "Last failure; 0 when there was none.", labels, func(v l) float64 { return epoch(v.LastFailure) }),
		gauge("lane_verified_timestamp_seconds", "End of the last comparison; 0 before the first.", labels, func(v l) float64 { return epoch(v.verified().Time) }),
		gauge("lane_verify_failed", "1 when the last comparison could not be made or finished.", labels, func(v l) float64 { return truth(v.verified().Error != "") }),
		gauge("lane_verify_differences", "Paths that the last comparison has found to differ, in any way.", labels, func(v l) float64 {
			c := v.verified()
			return float64(c.Differing + c.Newer + c.OnlyOnTarget)
		}),
		counter("lane_runs_total", "rsync runs.", labels, func(v l) float64 { return float64(v.Runs) }),
		counter("lane_failed_runs_total", "rsync runs that failed.", labels, func(v l) float64 { return float64(v.FailedRuns) }),
		counter("lane_files_total", "Paths brought to the remote.", labels, func(v l) float64 { return float64(v.Files) }),
		counter("lane_sent_bytes_total", "Content bytes of the paths brought to the remote.", labels, func(v l) float64 { return float64(v.BytesSent) }),
	}
}

func pluginMetrics(labels []string) []metric[pluginAt] {
	type p = pluginAt
	return []metric[p]{
		gauge("plugin_pending_events", "Events that wait.", labels, func(v p) float64 { return float64(v.Pending) }),
		gauge("plugin_lag_seconds", "Age of the oldest event that waits.", labels, func(v p) float64 {
			if v.Pending == 0 || v.OldestPending.IsZero() {
				return 0
			}
			return max(0, v.now.Sub(v.OldestPending).Seconds())
		}),
		counter("plugin_delivered_events_total", "Events delivered.", labels, func(v p) float64 { return float64(v.Delivered) }),
		counter("plugin_failed_attempts_total", "Attempts that failed.", labels, func(v p) float64 { return float64(v.FailedAttempts) }),
		counter("plugin_dropped_events_total", "Events given up.", labels, func(v p) float64 { return float64(v.Dropped) }),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.build, c.rootInfo, c.rootState, c.laneInfo, c.laneState, c.laneLatency, c.laneDifferences, c.laneEdges, c.laneEdgesLag} {
		ch <- d
	}
	describe(ch, c.program)
	describe(ch, c.roots)
	describe(ch, c.lanes)
	describe(ch, c.plugins)
}

func describe[T any](ch chan<- *prometheus.Desc, list []metric[T]) {
	for _, m := range list {
		ch <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	s := c.snapshot()
	send(ch, c.build, 1, status.Printable(s.Version))
	collect(ch, c.program, s)
	roots := map[string]string{}
	for i, r := range s.Roots {
		number := strconv.Itoa(i + 1)
		roots[r.Path] = number
		send(ch, c.rootInfo, 1, number, status.Printable(r.Path))
		collect(ch, c.roots, r, number)
		for _, state := range []status.RootState{status.RootStarting, status.RootWatched, status.RootGone, status.RootBraked} {
			send(ch, c.rootState, truth(r.State == state), number, string(state))
		}
	}
	for i, l := range s.Lanes {
		number := strconv.Itoa(i + 1)
		send(ch, c.laneInfo, 1, number, status.Printable(l.Remote), roots[l.Root], status.Printable(l.Root), l.ID)
		c.lane(ch, l, s.Now, number)
	}
	for i, p := range s.Plugins {
		collect(ch, c.plugins, pluginAt{p, s.Now}, strconv.Itoa(i+1), status.Printable(p.Name))
	}
}

func (c *collector) lane(ch chan<- prometheus.Metric, l status.Lane, now time.Time, number string) {
	remote := status.Printable(l.Remote)
	collect(ch, c.lanes, laneAt{l, now}, number, remote)
	for _, state := range []status.LaneState{
		status.LaneStarting, status.LaneInSync, status.LaneSyncing, status.LaneFullSync,
		status.LaneBackingOff, status.LaneDegraded, status.LanePaused,
	} {
		send(ch, c.laneState, truth(l.State == state), number, remote, string(state))
	}
	differing := map[status.DifferenceKind]int{}
	for _, d := range l.Differences {
		differing[d.Kind] = d.Count
	}
	for _, kind := range status.DifferenceKinds() {
		send(ch, c.laneDifferences, float64(differing[kind]), number, remote, string(kind))
	}
	ch <- latency(c.laneLatency, l.Latency, number, remote)
	if e := l.Edges; e != nil {
		for _, state := range status.EdgeStates() {
			send(ch, c.laneEdges, float64(e.ByState[state]), number, remote, string(state))
		}
		send(ch, c.laneEdgesLag, time.Duration(e.MaxLag).Seconds(), number, remote)
	}
}

// latency is the summary of a lane; without arrivals in the last minutes its
// quantiles are no number.
func latency(d *prometheus.Desc, l status.Latency, labels ...string) prometheus.Metric {
	quantile := func(s status.Seconds) float64 {
		if l.Count == 0 {
			return math.NaN()
		}
		return time.Duration(s).Seconds()
	}
	return prometheus.MustNewConstSummary(d, l.Total, time.Duration(l.Sum).Seconds(),
		map[float64]float64{0.5: quantile(l.P50), 0.95: quantile(l.P95), 0.99: quantile(l.P99)}, labels...)
}

func collect[T any](ch chan<- prometheus.Metric, list []metric[T], v T, labels ...string) {
	for _, m := range list {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(v), labels...)
	}
}

func send(ch chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func epoch(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
