package edgestatus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/sersync/sersync/pkg/edge/edgexml"
	"github.com/sersync/sersync/pkg/unixsock"
)

// Handler answers /status with JSON, /healthz with 200 or 503, and /metrics.
func Handler(status func() Status) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(status))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(status().Coded())
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		code, text := http.StatusOK, "ok\n"
		if status().Level() == 2 {
			code, text = http.StatusServiceUnavailable, "trouble: see /status\n"
		}
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(text))
	})
	return mux
}

// Serve answers on the socket and the address of a configuration until the context ends. If it
// cannot listen on one of them, start returns the error.
func Serve(ctx context.Context, conf edgexml.Status, status func() Status) error {
	listeners, err := listen(ctx, conf)
	if err != nil {
		return err
	}
	var group errgroup.Group
	for _, l := range listeners {
		server := &http.Server{
			Handler: Handler(status), ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		}
		group.Go(func() error {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("status on %s: %w", l.Addr(), err)
			}
			return nil
		})
		group.Go(func() error {
			<-ctx.Done()
			return server.Close()
		})
	}
	return group.Wait()
}

func listen(ctx context.Context, conf edgexml.Status) ([]net.Listener, error) {
	var all []net.Listener
	if conf.Socket != "" {
		if _, err := Get(ctx, conf.Socket); err == nil {
			return nil, fmt.Errorf("the status socket %s is another edge's; give this one another in <status socket>", conf.Socket)
		}
		if st, err := os.Lstat(conf.Socket); err == nil && st.Mode()&os.ModeSocket != 0 {
			_ = os.Remove(conf.Socket)
		}
		l, err := unixsock.Listen(ctx, net.ListenConfig{}, conf.Socket)
		if err != nil {
			return nil, fmt.Errorf("listen on the status socket: %w; create its directory for the user of this edge, or name another in <status socket>", err)
		}
		_ = os.Chmod(conf.Socket, 0o600)
		all = append(all, l)
	}
	if conf.Listen != "" {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", conf.Listen)
		if err != nil {
			for _, other := range all {
				_ = other.Close()
			}
			return nil, fmt.Errorf("listen for the status: %w; name another address in <status listen>", err)
		}
		all = append(all, l)
	}
	return all, nil
}

// Get asks the edge that has the socket.
func Get(ctx context.Context, socket string) (Status, error) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return unixsock.Dial(ctx, net.Dialer{}, socket)
		},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://edge/status", nil)
	if err != nil {
		return Status{}, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return Status{}, fmt.Errorf("no edge answers on %s: %w; start sersync-edge, or name its configuration with -o", socket, err)
	}
	defer answer.Body.Close()
	var s Status
	err = json.NewDecoder(answer.Body).Decode(&s)
	return s, err
}
