package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/hub/identity"
	"github.com/sersync/sersync/pkg/hub/roster"
)

// Options configure a hub. They are immutable.
type Options struct {
	Dir    string // everything that the hub keeps
	Listen string // ADDR:PORT
	// Names are further host names and addresses under which the hub is reached.
	Names []string
	// MaxStore bounds all streams together, in bytes; 0: three quarters of what is free on the disk
	// at the start and of what the streams already take.
	MaxStore int64
	// Tidy removes the reports of all but these edges. It is called while the hub serves, at the
	// start and after each change of the roster, until it succeeds: a removed edge may report until
	// its connection is cut. May be nil.
	Tidy   func(ctx context.Context, edges []string) error
	Logger *zap.Logger
}

// DefaultListen is where a hub listens unless it is told otherwise.
const DefaultListen = "127.0.0.1:4222"

const (
	// RosterEvery is how often a hub looks whether the roster has changed, and at its disk.
	RosterEvery = 500 * time.Millisecond
	// While fewer bytes than lowSpace are free no stream is open, because a write that fails for
	// lack of space ends its stream silently, and the server never tries again. enoughSpace must be
	// free before they are opened again.
	lowSpace    = 8 << 20
	enoughSpace = 32 << 20
	readyWithin = 30 * time.Second
	tidyWithin  = 5 * time.Second
)

// Hub is a hub that has been prepared and does not run yet.
type Hub struct {
	opt   Options
	log   *zap.Logger
	state state
	// maxStore is what streams may take in the running server: the server refuses a new
	// configuration in which that is less. Owned by Run.
	maxStore int64
}

// New makes what is missing in the hub's directory, and checks the rest.
func New(opt Options) (*Hub, error) {
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("directory of the hub: %w", err)
	}
	names, err := reached(opt)
	if err != nil {
		return nil, err
	}
	if err := identity.Make(opt.Dir, names); err != nil {
		return nil, err
	}
	source, err := identity.Key(filepath.Join(opt.Dir, identity.SourceKey))
	if err != nil {
		return nil, err
	}
	admin, err := identity.Key(filepath.Join(opt.Dir, identity.AdminKey))
	if err != nil {
		return nil, err
	}
	old, err := roster.Read(opt.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if old.Source != source || old.Admin != admin {
		err = roster.Change(opt.Dir, func(r *roster.Roster) error {
			r.Source, r.Admin = source, admin
			return nil
		})
	}
	return &Hub{opt: opt, log: opt.Logger}, ignore(err, fs.ErrNotExist)
}

func ignore(err, known error) error {
	if errors.Is(err, known) {
		return nil
	}
	return err
}

// reached are the names and addresses under which the hub is reached.
func reached(opt Options) ([]string, error) {
	host, _, err := net.SplitHostPort(opt.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w; write ADDR:PORT", opt.Listen, err)
	}
	names := append([]string{"localhost", "127.0.0.1", "::1"}, opt.Names...)
	if ip := net.ParseIP(host); host != "" && (ip == nil || !ip.IsUnspecified() && !ip.IsLoopback()) {
		names = append(names, host)
	}
	if name, err := os.Hostname(); err == nil {
		names = append(names, name)
	}
	return names, nil
}

// Run serves until ctx ends. ready is called once edges and sources can connect; it may
// be nil.
func (h *Hub) Run(ctx context.Context, ready func(addr string)) error {
	for {
		err := h.serve(ctx, ready)
		if !errors.Is(err, errFull) {
			return err
		}
		ready = nil
		if err := h.serveNothing(ctx); err != nil || ctx.Err() != nil {
			return err
		}
		h.log.Info("there is space on the hub's disk, streams are opened")
	}
}

// errFull says that there is no space for streams.
var errFull = errors.New("the disk is full")

// serveNothing runs a server without streams, which answers every client that nothing is stored,
// until there is space or ctx ends. A server that has merely closed its streams would not answer at
// all.
func (h *Hub) serveNothing(ctx context.Context) error {
	opts, _, err := h.options(false)
	if err != nil {
		return err
	}
	s, err := h.start(opts, new(atomic.Bool))
	if err != nil {
		return err
	}
	defer stop(s)
	return ignore(h.awaitSpace(ctx), context.Canceled)
}

// serve runs one server.
func (h *Hub) serve(ctx context.Context, ready func(string)) error {
	h.maxStore = h.bound()
	opts, seen, err := h.options(true)
	if err != nil {
		return err
	}
	var failed atomic.Bool
	s, err := h.start(opts, &failed)
	if err != nil {
		return err
	}
	defer stop(s)
	h.state.set(s, "")
	defer h.state.leave()
	h.log.Info("hub is ready", zap.String("listen", s.Addr().String()), zap.String("dir", h.opt.Dir))
	if ready != nil {
		ready(s.Addr().String())
	}
	return h.attend(ctx, s, opts, seen, &failed)
}

// start starts a server. failed is set when something could not be written.
func (h *Hub) start(opts *server.Options, failed *atomic.Bool) (*server.Server, error) {
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	s.SetLoggerV2(logger{h.log.Named("nats").Sugar(), failed}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(readyWithin) {
		stop(s)
		return nil, fmt.Errorf("listen on %s: not ready within %v; see the log for the cause", h.opt.Listen, readyWithin)
	}
	return s, nil
}

func stop(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

// attend applies a changed roster, and notices when the disk is full, until ctx ends. failed says
// that something could not be written.
func (h *Hub) attend(ctx context.Context, s *server.Server, opts *server.Options, seen time.Time, failed *atomic.Bool) error {
	tick := time.NewTicker(RosterEvery)
	defer tick.Stop()
	tidy := h.opt.Tidy == nil
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if !s.JetStreamEnabled() || failed.Load() || free(h.opt.Dir) < lowSpace {
			h.log.Error("the hub's disk is full: nothing is stored until there is space again", zap.String("dir", h.opt.Dir),
				zap.String("remedy", "free space on it, or move the directory of the hub to a larger one"))
			h.state.set(nil, "the hub's disk is full")
			return errFull
		}
		if at := changedAt(h.opt.Dir); !at.Equal(seen) {
			seen, tidy = at, h.opt.Tidy == nil
			h.reload(s, opts.Port)
		}
		if !tidy {
			tidy = h.tidy(ctx)
		}
	}
}

// tidy removes the reports of all but the edges of the roster, and tells whether that succeeded.
func (h *Hub) tidy(ctx context.Context) bool {
	r, err := roster.Read(h.opt.Dir)
	if err == nil {
		edges := make([]string, 0, len(r.Edges))
		for _, e := range r.Edges {
			edges = append(edges, e.Name)
		}
		ctx, cancel := context.WithTimeout(ctx, tidyWithin)
		defer cancel()
		err = h.opt.Tidy(ctx, edges)
	}
	if err != nil && ctx.Err() == nil {
		h.log.Warn("reports of removed edges cannot be deleted yet and are still shown, will try again", zap.Error(err))
	}
	return err == nil
}

// reload has the server apply a changed roster. Edges that were removed lose their connections.
func (h *Hub) reload(s *server.Server, port int) {
	var err error
	// The server connects the imports of a new account only when the configuration is applied a
	// second time (seen with 2.15.3).
	for range 2 {
		var opts *server.Options
		if opts, _, err = h.options(true); err != nil {
			break
		}
		opts.Port = port // if the configuration asks for any free port
		if err = s.ReloadOptions(opts); err != nil {
			break
		}
	}
	if err != nil {
		h.log.Error("the new roster cannot be used, the old one stays in force", zap.Error(err), zap.String("file", roster.Path(h.opt.Dir)))
		h.state.set(s, "the new roster cannot be used")
		return
	}
	h.state.set(s, "")
	h.log.Info("the new roster is in force", zap.String("file", roster.Path(h.opt.Dir)))
}

// options are those of the server, and when the roster that they hold was changed.
func (h *Hub) options(streams bool) (*server.Options, time.Time, error) {
	seen := changedAt(h.opt.Dir)
	r, err := roster.Read(h.opt.Dir)
	if err != nil {
		return nil, seen, err
	}
	opt := h.opt
	opt.MaxStore = h.maxStore
	text, err := config(opt, r, streams)
	if err != nil {
		return nil, seen, err
	}
	o := &server.Options{NoSigs: true}
	if err := o.ProcessConfigString(string(text)); err != nil {
		return nil, seen, fmt.Errorf("configuration of the server: %w", err)
	}
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	return o, seen, nil
}

// bound is how much streams may take: MaxStore, or three quarters of what they take and of what is
// free.
func (h *Hub) bound() int64 {
	if h.opt.MaxStore != 0 {
		return h.opt.MaxStore
	}
	has := free(h.opt.Dir)
	_ = filepath.WalkDir(filepath.Join(h.opt.Dir, storeDir), func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what cannot be read does not count
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			has += info.Size()
		}
		return nil
	})
	return max(has/4*3, enoughSpace)
}

func changedAt(dir string) time.Time {
	info, err := os.Stat(roster.Path(dir))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// free is how many bytes are free on the disk of a directory.
func free(dir string) int64 {
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		return 0
	}
	return int64(st.Bavail) * st.Bsize //nolint:unconvert // the type differs between architectures
}

func (h *Hub) awaitSpace(ctx context.Context) error {
	tick := time.NewTicker(RosterEvery)
	defer tick.Stop()
	for free(h.opt.Dir) < enoughSpace {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return ctx.Err()
}

// logger passes the server's own log lines on.
type logger struct {
	to     *zap.SugaredLogger
	failed *atomic.Bool // set when something could not be written
}

func (l logger) Noticef(format string, v ...any) { l.to.Debugf(format, v...) }
func (l logger) Warnf(format string, v ...any)   { l.to.Warnf(format, v...) }
func (l logger) Fatalf(format string, v ...any)  { l.to.Errorf(format, v...) }
func (l logger) Errorf(format string, v ...any) {
	if text := fmt.Sprintf(format, v...); strings.Contains(text, "Critical write error") || strings.Contains(text, "no space left") {
		l.failed.Store(true)
	}
	l.to.Errorf(format, v...)
}
func (l logger) Debugf(format string, v ...any) { l.to.Debugf(format, v...) }
func (l logger) Tracef(format string, v ...any) { l.to.Debugf(format, v...) }
