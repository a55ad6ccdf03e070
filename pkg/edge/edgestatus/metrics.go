package edgestatus

import "github.com/prometheus/client_golang/prometheus"

// collector gives the figures of a status to Prometheus.
type collector struct {
	status func() Status
	all    []metric
}

// metric is one figure of a tree.
type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(Tree) float64
}

func newCollector(status func() Status) *collector {
	c := &collector{status: status}
	add := func(name, help string, kind prometheus.ValueType, value func(Tree) float64) {
		c.all = append(c.all, metric{prometheus.NewDesc("sersync_edge_"+name, help, []string{"tree"}, nil), kind, value})
	}
	is := func(state string) func(Tree) float64 {
		return func(t Tree) float64 {
			if t.State == state {
				return 1
			}
			return 0
		}
	}
	add("in_sync", "1 while everything that the stream holds is applied.", prometheus.GaugeValue, is(InSync))
	add("trouble", "1 while the tree has trouble that does not pass by itself.", prometheus.GaugeValue, is(Trouble))
	add("sequence", "The last message of the stream up to which everything is applied.", prometheus.GaugeValue, func(t Tree) float64 { return float64(t.Sequence) })
	add("dirty_paths", "Paths whose state here is not yet that of the stream.", prometheus.GaugeValue, func(t Tree) float64 { return float64(t.Dirty) })
	add("failing_paths", "Paths that have failed and are tried again.", prometheus.GaugeValue, func(t Tree) float64 { return float64(t.Failing) })
	add("lag_seconds", "For how long the edge has known of a change that it has not applied.", prometheus.GaugeValue, func(t Tree) float64 { return t.Lag })
	add("applied_paths_total", "Paths changed by messages.", prometheus.CounterValue, func(t Tree) float64 { return float64(t.Applied) })
	add("fetched_paths_total", "Paths brought by rsync.", prometheus.CounterValue, func(t Tree) float64 { return float64(t.Fetched) })
	add("removed_paths_total", "Paths removed because a comparison found them only here.", prometheus.CounterValue, func(t Tree) float64 { return float64(t.Removed) })
	add("refused_total", "Messages and entries that were refused.", prometheus.CounterValue, func(t Tree) float64 { return float64(t.Refused) })
	add("unheld_total", "Entries that could not be applied completely, for instance without their owner.", prometheus.CounterValue, func(t Tree) float64 { return float64(t.Unheld) })
	return c
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, m := range c.all {
		out <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	for _, t := range c.status().Trees {
		for _, m := range c.all {
			out <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(t), t.Name)
		}
	}
}
