package hubcmd

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sersync/sersync/pkg/hub"
)

// servePage serves metrics and health of a hub until the returned function is called.
func servePage(ctx context.Context, listen string, h *hub.Hub) (stop func(), err error) {
	if listen == "" {
		return func() {}, nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("--metrics=%s: %w; name another address, or none", listen, err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{h})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if s := h.Snapshot(); !s.Serves || s.Reason != "" {
			http.Error(w, s.Reason, http.StatusServiceUnavailable)
		}
	})
	const patience = 10 * time.Second
	server := &http.Server{Handler: mux, ReadHeaderTimeout: patience, WriteTimeout: patience}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l) // ends with Close
	}()
	return func() {
		_ = server.Close()
		<-ended
	}, nil
}

var (
	descServes      = prometheus.NewDesc("sersync_hub_serves", "1 while the hub serves its streams, 0 while its disk is full.", nil, nil)
	descConnections = prometheus.NewDesc("sersync_hub_connections", "Connections of sources and edges.", nil, nil)
	descEdges       = prometheus.NewDesc("sersync_hub_edges", "Edges in the roster.", nil, nil)
	descStreams     = prometheus.NewDesc("sersync_hub_streams", "Streams, those of the buckets included.", nil, nil)
	descMessages    = prometheus.NewDesc("sersync_hub_messages", "Messages that are kept.", nil, nil)
	descStored      = prometheus.NewDesc("sersync_hub_stored_bytes", "Bytes that all streams take.", nil, nil)
	descFree        = prometheus.NewDesc("sersync_hub_free_bytes", "Bytes that are free on the hub's disk.", nil, nil)
)

type collector struct{ hub *hub.Hub }

// Describe implements prometheus.Collector.
func (c collector) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, to) }

// Collect implements prometheus.Collector.
func (c collector) Collect(to chan<- prometheus.Metric) {
	s := c.hub.Snapshot()
	gauge := func(d *prometheus.Desc, v float64) { to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v) }
	serves := 0.0
	if s.Serves {
		serves = 1
	}
	gauge(descServes, serves)
	gauge(descConnections, float64(s.Connections))
	gauge(descEdges, float64(s.Edges))
	gauge(descStreams, float64(s.Streams))
	gauge(descMessages, float64(s.Messages))
	gauge(descStored, float64(s.Stored))
	gauge(descFree, float64(s.FreeBytes))
}
