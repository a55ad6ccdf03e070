package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/plugins"
	"github.com/sersync/sersync/pkg/plugins/registry"
)

// receiver is the other end of a plugin; it answers at once.
type receiver struct {
	attributes map[string]string
	got        atomic.Int64
	end        func()
}

// BenchmarkPlugins measures how fast paths reach a local receiver: in 2.5.4's socket format, with
// one connection for each path, and over http with connections that are kept.
func BenchmarkPlugins(b *testing.B) {
	once(b)
	for _, kind := range []struct {
		name, work string
		goal       float64
		serve      func(*testing.B) *receiver
	}{
		{"socket", "paths to a local socket receiver, one connection each", 5_000, serveSocket},
		{"http", "paths to a local http receiver, one request each", 10_000, serveHTTP},
	} {
		r := kind.serve(b)
		s := series{name: fmt.Sprintf("%s, %d paths", kind.name, scale(20_000))}
		var rates []float64
		for range repeats(5) {
			took := tell(b, kind.name, r, scale(20_000))
			s.add(took, 0, 0, 0)
			rates = append(rates, float64(scale(20_000))/took.Seconds())
		}
		r.end()
		rate := quantile(rates, 0.5)
		add(b, row{
			Work: kind.work, Goal: fmt.Sprintf(">= %.0f per second", kind.goal), Reached: fmt.Sprintf("%.0f per second", rate),
			OK: rate >= kind.goal, Figures: []figure{s.figure()},
		})
	}
}

// tell sends paths through a plugin of this kind until the receiver has all of them.
func tell(b *testing.B, kind string, r *receiver, paths int) time.Duration {
	b.Helper()
	conf := confxml.Plugin{Name: kind, Watch: "/data/www", Attributes: map[string]confxml.Attribute{}}
	for key, value := range r.attributes {
		conf.Attributes[key] = confxml.Attribute{Value: value}
	}
	plugin, err := registry.New(conf, plugins.Deps{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	runner := plugins.NewRunner(plugin, plugins.RunnerConfig{MaxPending: paths}, nil)
	for i := range paths {
		runner.Add(plugins.Event{Root: "/data/www", Path: fmt.Sprintf("dir%d/file%d", i%100, i), Op: plugins.Changed, Seq: uint64(i)})
	}
	before := r.got.Load()
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan error, 1)
	began := time.Now()
	go func() { done <- runner.Run(ctx) }()
	if err := runner.Drain(ctx); err != nil {
		b.Fatal(err)
	}
	for r.got.Load()-before < int64(paths) {
		time.Sleep(time.Millisecond) // for the paths that were sent and not read yet
	}
	took := time.Since(began)
	stop()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	if st := runner.Stats(); st.Dropped > 0 || st.Failed > 0 {
		b.Fatalf("%+v", st)
	}
	return took
}

func serveSocket(b *testing.B) *receiver {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	r := &receiver{attributes: map[string]string{"deshost/ip": "127.0.0.1", "deshost/port": port}, end: func() { listener.Close() }}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if text, err := io.ReadAll(conn); err == nil && len(text) > 0 {
					r.got.Add(1)
				}
			}()
		}
	}()
	return r
}

func serveHTTP(b *testing.B) *receiver {
	b.Helper()
	r := &receiver{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.PostFormValue("inotifyPath") != "" {
			r.got.Add(1)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	at, err := url.Parse(server.URL)
	if err != nil {
		b.Fatal(err)
	}
	r.attributes = map[string]string{"deshost/url": "http://127.0.0.1/notify", "deshost/port": at.Port()}
	r.end = server.Close
	return r
}
