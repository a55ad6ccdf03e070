package daemon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/executor/slots"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/laneconf"
	"github.com/sersync/sersync/pkg/lanestate"
	"github.com/sersync/sersync/pkg/listeners"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
	"github.com/sersync/sersync/pkg/transport/rsync/session"
	publish "github.com/sersync/sersync/pkg/transport/stream"
	"github.com/sersync/sersync/pkg/watchroot"
	"github.com/sersync/sersync/pkg/whereabouts"
)

// build makes a site from a configuration; nothing of it runs yet. old is the
// site it replaces, whose watches and locks it takes over where they still fit.
func (d *Daemon) build(ctx context.Context, conf confxml.Config, old *site) (*site, error) {
	s := &site{
		daemon: d, conf: conf, log: d.log, lanes: map[string]*executor.Lane{}, rules: map[string]whereabouts.Rules{}, streams: map[string]*publish.Publisher{},
		requests: newRequests(),
	}
	err := s.make(ctx, old)
	if err != nil {
		s.stores.close()
		return nil, err
	}
	return s, nil
}

func (s *site) make(ctx context.Context, old *site) (err error) {
	d := s.daemon
	if s.stores, err = openStores(s.conf.State, d.disks, d.notes, s.log); err != nil {
		return err
	}
	// This comes first: once the locks are held, a predecessor that was stopping has ended and
	// released everything else.
	if err := s.takeLocks(ctx); err != nil {
		return err
	}
	if old == nil {
		s.stores.clearScratch() // a process before this one may have been killed
	}
	if err := s.buildPlugins(s.conf.PluginRefs, false); err != nil {
		return err
	}
	s.buildNotifiers(old)
	var caps transport.Capabilities
	if pushes(s.conf) {
		if caps, err = client(ctx, s.conf.Rsync.Program, s.log); err != nil {
			return err
		}
	}
	if old != nil {
		old.stores.failLog.Close(ctx)
	}
	s.stores.openFailLog(s.conf.FailLog.Path, d.disks.failLog, d.notes, s.log)
	b := &builder{
		site: s, filter: compileFilter(s.conf, d.opt.Banner, s.log), caps: caps,
		total: slots.NewTotal(s.conf.Rsync.MaxTotal), connects: session.NewConnects(),
	}
	for _, local := range s.conf.LocalPaths {
		if err := b.root(ctx, local); err != nil {
			return err
		}
	}
	return nil
}

func compileFilter(conf confxml.Config, banner cli.Banner, log *zap.Logger) *filterqueue.Filter {
	filter, problems := filterqueue.Compile(filterExpressions(conf))
	for _, p := range problems {
		banner.BadFilter(p.Expression.Text, p.Reason)
	}
	filter.OnTimeout = func(e confxml.Expression) {
		log.Warn("filter expression takes too long, the path that it was tried on counts as excluded",
			zap.String("expression", e.Text), zap.Int("line", e.Line))
	}
	return filter
}

func filterExpressions(conf confxml.Config) []confxml.Expression {
	if !conf.Filter.On {
		return nil
	}
	return conf.Filter.Exclude
}

// pushes tells whether anything goes to a remote by rsync: streams alone need none.
func pushes(conf confxml.Config) bool {
	return slices.ContainsFunc(conf.LocalPaths, func(l confxml.LocalPath) bool { return len(l.Remotes) > 0 })
}

// client looks at the rsync on this host and returns what runs can do with it.
func client(ctx context.Context, program string, log *zap.Logger) (transport.Capabilities, error) {
	cmd := exec.CommandContext(ctx, program, "--version")
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return transport.Capabilities{}, fmt.Errorf("cannot run rsync: %w; install rsync, or name it in <rsync path=\"...\">", err)
	}
	version, err := rsync.ParseVersion(string(out))
	if err != nil {
		log.Warn("rsync's version is unknown, it is used like a current one", zap.Error(err))
		return transport.Capabilities{}, nil
	}
	caps, lost := version.Capabilities()
	for _, l := range lost {
		log.Warn("this rsync is old", zap.Stringer("version", version), zap.String("lost", l))
	}
	return caps, nil
}

// builder makes the roots and lanes of a site.
type builder struct {
	site     *site
	filter   *filterqueue.Filter
	caps     transport.Capabilities // of the rsync on this host
	total    slots.Total
	connects *session.Connects
}

// root makes one localpath and its lanes.
func (b *builder) root(ctx context.Context, local confxml.LocalPath) error {
	s := b.site
	dir, err := laneconf.Dir(local.Watch)
	if err != nil {
		return fmt.Errorf("%s:%d: %w; create the directory or correct watch=", s.conf.File, local.Line, err)
	}
	number := 0
	for _, other := range s.roots {
		if other.Dir() == dir {
			number++
		}
	}
	r := watchroot.New(watchroot.Options{
		Local: local, Dir: dir, Number: number, Switches: s.conf.Inotify, Filter: b.filter, Ticks: s.daemon.ticks,
		Env: s.daemon.opt.Env, Needed: b.needed(local), Logger: s.log,
	})
	shared := slots.NewSlots(s.daemon.opt.Command.Threads, b.total)
	for _, remote := range local.Remotes {
		if err := b.lane(r, local, remote, shared); err != nil {
			return err
		}
	}
	for _, to := range local.Streams {
		b.stream(r, local, to, shared)
	}
	b.connectPlugins(r)
	s.roots = append(s.roots, r)
	w, err := b.watchOf(ctx, r)
	if err != nil {
		return err
	}
	r.Open(w, s.plugins.Notify(r))
	return nil
}

// buildPlugins makes the plugins that are asked for.
func (s *site) buildPlugins(refs []confxml.PluginRef, alone bool) (err error) {
	opt := listeners.Options{
		Conf: s.conf, Refs: refs, Alone: alone, Out: s.daemon.opt.Banner.Out, ErrOut: s.daemon.opt.Banner.Err, Logger: s.log,
	}
	if old := s.daemon.current.Load(); old != nil {
		opt.Before = old.plugins
	}
	s.plugins, err = listeners.New(opt)
	return err
}

// connectPlugins has the plugins told about a root once its lanes have settled what
// changes.
func (b *builder) connectPlugins(r *watchroot.Root) {
	s := b.site
	var ids []string
	for _, l := range r.Lanes() {
		ids = append(ids, l.ID())
	}
	s.plugins.Connect(r, ids)
}

// needed are the files that rsync's children open outside of a watch root.
func (b *builder) needed(local confxml.LocalPath) []string {
	s := b.site
	needed := []string{s.conf.Rsync.Program}
	if s.stores.dir != "" {
		needed = append(needed, s.stores.dir)
	}
	for _, remote := range local.Remotes {
		needed = append(needed, remote.PasswordFile)
		if remote.TLS != nil {
			needed = append(needed, remote.TLS.CA, remote.TLS.Certificate, remote.TLS.Key)
		}
	}
	return needed
}

// watchOf finds a watch of the old site that watches the root's tree already, or makes one. A watch
// passes its events on to one root only, so two localpaths of the same directory have a watch each.
func (b *builder) watchOf(ctx context.Context, r *watchroot.Root) (*watchroot.Watch, error) {
	s := b.site
	key := r.KeyOf(s.conf)
	w := s.daemon.watches[key]
	if w == nil {
		var err error
		if w, err = watchroot.NewWatch(ctx, r, s.daemon.lines.debug(s.conf.Debug)); err != nil {
			return nil, err
		}
		s.daemon.watches[key] = w
	}
	return w, nil
}

// lane makes the lane from a root to one remote, unless there is one.
func (b *builder) lane(r *watchroot.Root, local confxml.LocalPath, remote confxml.Remote, shared *slots.Slots) error {
	s := b.site
	named, err := laneconf.Of(s.conf, local, r.Dir(), remote)
	if err != nil {
		return err
	}
	id, t := named.ID, named.Target
	if s.lanes[id] != nil {
		s.log.Warn("a remote is named twice, it is synced once", zap.String("lane", id), zap.Int("line", remote.Line))
		return nil
	}
	choice := laneconf.Choice(s.conf, local, remote)
	start := b.recall(r, id, choice)
	opt := b.options(r, id, shared)
	opt.Busy = remote.Busy
	opt.Caps, opt.Scope, opt.Ledger = b.caps, b.scope(t, remote), s.stores.ledgers.Of(id)
	way := session.Options{
		Target: t, Program: s.conf.Rsync.Program, Connects: b.connects, Standby: s.conf.Rsync.Standby, Proxied: s.daemon.opt.Proxied,
		Commands: s.daemon.lines.debugCommand(s.conf.Debug), Logger: opt.Logger.With(zap.String("lane", id)),
	}
	r.Equip(&opt, &way)
	r.Recall(&opt, start.state)
	if s.stores.dir != "" {
		opt.Scratch = scratchDir(s.stores.dir)
	}
	if t.SSH && !t.Params.RemoteShell && s.stores.dir != "" {
		way.ControlPath = controlPath(s.stores.dir, id)
	}
	remoteSession := session.New(way)
	opt.Transport = remoteSession
	start.versions = remoteSession.PruneVersions
	b.add(start, opt, choice, b.rules(r, local, remote, t))
	return nil
}

// recall reads from the lane's state file what it begins with.
func (b *builder) recall(r *watchroot.Root, id, choice string) *laneStart {
	log := b.site.log
	state := b.site.stores.states.Load(id)
	other := b.overwritten(id[len(r.Dir()):], state)
	if other != "" && (r.ThroughLink() || !state.Watermark.IsZero()) {
		log.Info("another directory was synced to this target meanwhile, everything is compared", zap.String("lane", id), zap.String("other", other))
		state.Watermark, state.MirrorDone = time.Time{}, false
	}
	before := watchroot.Chosen(state)
	changed := before != "" && before != choice
	if changed {
		log.Info("filter or parameters changed, everything is compared", zap.String("lane", id))
	}
	return &laneStart{root: r, state: state, changed: changed, replaced: other != "" && r.ThroughLink()}
}

// options are those of a lane that do not depend on what its remote is.
func (b *builder) options(r *watchroot.Root, id string, shared *slots.Slots) executor.Options {
	s := b.site
	opt := executor.Options{
		ID: id, Slots: shared, MayDelete: s.conf.Inotify.Delete,
		Settled: s.plugins.Settled(r, id), Trouble: s.plugins.Trouble(r, id),
		Deletions: s.stores.deletions(id), FailLog: s.stores.failLog.Lane(id), Save: func() { s.stores.states.Ask(id) },
		Logger: s.log.Named("executor"), Troubles: s.daemon.troubles,
	}
	if b.filter.On() {
		opt.Excluded = b.filter.Excluded
	}
	return opt
}

// add makes a lane and has it started with the others.
func (b *builder) add(start *laneStart, opt executor.Options, choice string, rules whereabouts.Rules) {
	s, l, r := b.site, executor.NewLane(opt), start.root
	l.Recall(start.state.History)
	s.lanes[opt.ID], s.rules[opt.ID] = l, rules
	r.Add(l)
	s.stores.states.Add(opt.ID, func(now time.Time) lanestate.State { return r.StateOf(l, choice, now) })
	start.lane, start.deleted = l, opt.Deletions
	s.starts = append(s.starts, start)
}

// scope is what a mirror run to one remote leaves out.
func (b *builder) scope(t rsync.Target, remote confxml.Remote) executor.Scope {
	var expressions []string
	for _, e := range filterExpressions(b.site.conf) {
		expressions = append(expressions, e.Text)
	}
	return executor.ScopeOf(expressions, t.Params.Rules.Lines(), t.Params.Rules.Opaque, remote.Params)
}

// overwritten tells which lane that is no longer configured has brought another directory to the
// same destination since the state was saved. That happens when a watch path is a link to the
// current release: it leads to another directory, and later back to the first.
func (b *builder) overwritten(suffix string, state lanestate.State) string {
	configured := map[string]bool{}
	for lane := range laneconf.IDs(b.site.conf) {
		configured[lane] = true
	}
	for _, lane := range b.site.stores.states.Later(suffix, state.Saved.Now) {
		if !configured[lane] {
			return lane
		}
	}
	return ""
}

// rules are the reasons why paths of a lane may not be sent (filter, parameters and the like).
func (b *builder) rules(r *watchroot.Root, local confxml.LocalPath, remote confxml.Remote, t rsync.Target) whereabouts.Rules {
	return whereabouts.Rules{
		File: b.site.conf.File, Filter: b.filter, Params: t.Params, ParamsLine: remote.ParamsLine,
		Temp: r.Temp, TempLine: local.Line,
	}
}

// controlPath is the socket of a lane's ssh connection. A socket's path may
// have some hundred bytes only (unix(7)); without one, ssh connects per run.
func controlPath(dir, id string) string {
	sum := sha256.Sum256([]byte(id))
	path := filepath.Join(dir, "ssh-"+hex.EncodeToString(sum[:6]))
	const roomForSuffix = 108 - 20 // ssh appends a temporary suffix while it binds
	if len(path) > roomForSuffix || filepath.Clean(path) != path || !plainPath(path) {
		return ""
	}
	return path
}

// plainPath tells whether ssh, and rsync when it splits -e into words, leave the path unchanged.
func plainPath(path string) bool {
	for i := range len(path) {
		c := path[i]
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '/' || c == '-' || c == '_' || c == '.' || c == '+'
		if !ok {
			return false
		}
	}
	return true
}
