package statuspage

import (
	"context"
	stdlog "log"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/status"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
)

// Source gives the state of the program. Snapshot is called by one goroutine
// at a time, at most once in CacheTime; it should take well under a
// millisecond and must not wait for a run.
type Source interface {
	Snapshot() status.Snapshot
}

// Actions carries out what an operator asks for. Do may be called by several goroutines; it starts
// the work and returns without waiting for it. An empty lane means every lane; It returns
// status.ErrUnknownLane for an id that no lane has. Its error is shown to the operator.
type Actions interface {
	Do(ctx context.Context, verb status.Verb, lane string) error
}

// Options say what to serve and where.
type Options struct {
	Host confxml.Host
	// Socket is the path of the Unix socket where Host.Socket is empty; when
	// both are, there is none.
	Socket    string
	Actions   Actions   // nil: actions are refused
	Inquiries Inquiries // nil: questions are refused
	Log       *zap.Logger
}

// Limits of the server. They bound what any number of clients can cost.
const (
	// CacheTime is how long one snapshot serves all requests.
	CacheTime = 200 * time.Millisecond

	maxConnections = 64 // per listener; see limiter
	maxHeaderBytes = 8 << 10
	maxBodyBytes   = 16 << 10
	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second
	idleTimeout    = 20 * time.Second
	drainTimeout   = 2 * time.Second
)

// Server serves the status. Its methods other than Run are not exported, and
// Run may be called once.
type Server struct {
	opts  Options
	log   *zap.Logger
	cache *cache
	files map[string]asset
	up    chan struct{}
	// missing says that the server could not listen on one of its addresses.
	missing atomic.Bool
}

// New is a server that shows what source says.
func New(opts Options, source Source) *Server {
	log := opts.Log
	if log == nil {
		log = zap.NewNop()
	}
	return &Server{opts: opts, log: log.Named("statuspage"), cache: &cache{source: source}, files: assets(), up: make(chan struct{})}
}

// Run serves until ctx is done and returns nil then. An address on which it cannot listen is logged
// with the remedy and left out; Run goes on with the others, even with none, because the sync must
// not depend on it.
func (s *Server) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	if path := s.socketPath(); path != "" {
		l := s.listenUnix(ctx, path)
		s.missing.Store(l == nil)
		if l != nil {
			g.Go(func() error { s.serve(ctx, l, access{unix: true}); return nil })
		}
	}
	close(s.up)
	if s.opts.Host.Page {
		g.Go(func() error { s.runTCP(ctx); return nil })
	}
	g.Go(func() error { <-ctx.Done(); return nil })
	return g.Wait()
}

// Up is closed once the Unix socket listens, or cannot.
func (s *Server) Up() <-chan struct{} { return s.up }

// Missing tells whether the server could not listen on one of its addresses; another server may
// succeed later.
func (s *Server) Missing() bool { return s.missing.Load() }

func (s *Server) socketPath() string {
	if s.opts.Host.Socket != "" {
		return s.opts.Host.Socket
	}
	return s.opts.Socket
}

// runTCP serves on every TCP listener until ctx is done.
func (s *Server) runTCP(ctx context.Context) {
	token := s.readToken()
	listeners, elsewhere := s.listenTCP(ctx, token)
	if len(listeners) == 0 {
		s.missing.Store(true)
	}
	a := access{token: token, tokenOnly: elsewhere, hosts: s.hostNames()}
	var g errgroup.Group
	for _, l := range listeners {
		s.log.Info("status page is up", zap.String("url", "http://"+l.Addr().String()+"/"))
		g.Go(func() error { s.serve(ctx, l, a); return nil })
	}
	_ = g.Wait() // the goroutines return nil
}

// serve answers on l until ctx is done and closes l.
func (s *Server) serve(ctx context.Context, l net.Listener, a access) {
	srv := &http.Server{
		Handler:           s.handler(a),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          stdlog.New(clientLog{s.log}, "", 0),
	}
	limit := newLimiter(l, maxConnections)
	limit.watch(srv)
	stopped := make(chan struct{}) // closed by the goroutine below
	go func() {
		defer close(stopped)
		<-ctx.Done()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		limit.closeUnserved() // Shutdown would wait for them
		if srv.Shutdown(drain) != nil {
			_ = srv.Close() // what is still open after the drain time is cut off
		}
	}()
	err := srv.Serve(limit)
	if ctx.Err() == nil {
		s.log.Warn("status page stopped", zap.String("address", l.Addr().String()), zap.Error(err))
		<-ctx.Done()
	}
	<-stopped
}
