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
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/confine"
	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/executor"
	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/filterqueue"
	"github.com/sersync/sersync/pkg/lock"
	"github.com/sersync/sersync/pkg/rsync"
)

// target turns one <remote> into what rsync needs; the error names its line.
func target(file string, r confxml.Remote) (rsync.Target, error) {
	params, err := rsync.ParseParams(r.Params, os.Getenv)
	if err != nil {
		return rsync.Target{}, fmt.Errorf("%s:%d: %w", file, r.Line, err)
	}
	t := rsync.Target{
		Host: r.IP, Name: r.Name, User: r.User, Timeout: r.Timeout, SSH: r.SSH, Params: params,
	}
	if r.SSH {
		if r.OwnPort {
			t.SSHPort = r.Port
		}
		return t, nil // rsync refuses a password file over ssh
	}
	t.Port, t.PasswordFile = r.Port, r.PasswordFile
	if t.PasswordFile != "" {
		if abs, err := filepath.Abs(t.PasswordFile); err == nil {
			t.PasswordFile = abs // rsync runs in the watch root
		}
	}
	return t, nil
}

// laneID is the stable key of a lane: what is mirrored to where.
func laneID(dir string, t rsync.Target) string {
	id := dir + "#" + t.Dest()
	if port := t.Port + t.SSHPort; port != 0 { // only one of them is set
		id += fmt.Sprintf(":%d", port)
	}
	return id
}

// build makes a site from a configuration; nothing of it runs yet. old is the
// site it replaces, whose watches and locks it takes over where they still fit.
func (d *Daemon) build(ctx context.Context, conf confxml.Config, old *site) (*site, error) {
	s := &site{daemon: d, conf: conf, log: d.log, lanes: map[string]*executor.Lane{}, replaced: make(chan struct{})}
	err := s.make(ctx, old)
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *site) make(ctx context.Context, old *site) error {
	if err := s.openState(); err != nil {
		return err
	}
	if err := s.buildPlugins(s.conf.PluginRefs, false); err != nil {
		return err
	}
	caps, err := s.client(ctx)
	if err != nil {
		return err
	}
	s.total, s.connects = executor.NewTotal(s.conf.Rsync.MaxTotal), executor.NewConnects()
	if old != nil {
		old.failLog.close()
	}
	s.failLog = newFailLog(s.conf.FailLog.Path, s.log.Named("failqueue"))
	filter := s.compileFilter()
	for _, local := range s.conf.LocalPaths {
		if err := s.buildRoot(local, filter, caps); err != nil {
			return err
		}
	}
	return nil
}

func (s *site) compileFilter() *filterqueue.Filter {
	filter, problems := filterqueue.Compile(s.filterExpressions())
	for _, p := range problems {
		s.daemon.banner.BadFilter(p.Expression.Text, p.Reason)
	}
	filter.OnTimeout = func(e confxml.Expression) {
		s.log.Warn("filter expression takes too long, what it was tried on counts as excluded",
			zap.String("expression", e.Text), zap.Int("line", e.Line))
	}
	return filter
}

func (s *site) filterExpressions() []confxml.Expression {
	if !s.conf.Filter.On {
		return nil
	}
	return s.conf.Filter.Exclude
}

func (s *site) openState() (err error) {
	dir := s.conf.State.Dir
	if dir == "" {
		if dir, err = failqueue.DefaultDir(); err != nil {
			return fmt.Errorf("state directory: %w; name one with <state dir=\"...\"/>", err)
		}
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	store, err := failqueue.OpenStore(dir)
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	s.stateDir, s.keeper = dir, newKeeper(store, s.log.Named("state"))
	if s.audit, err = failqueue.OpenAudit(dir); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}

// client looks at the rsync on this host.
func (s *site) client(ctx context.Context) (rsync.Capabilities, error) {
	program := s.conf.Rsync.Program
	cmd := exec.CommandContext(ctx, program, "--version") //nolint:gosec // named by the configuration, which is trusted
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return rsync.Capabilities{}, fmt.Errorf("cannot run rsync: %w; install rsync, or name it in <rsync path=\"...\">", err)
	}
	version, err := rsync.ParseVersion(string(out))
	if err != nil {
		s.log.Warn("rsync's version is unknown, taken for a current one", zap.Error(err))
		return rsync.Capabilities{}, nil
	}
	caps, lost := version.Capabilities()
	for _, l := range lost {
		s.log.Warn("this rsync is old", zap.Stringer("version", version), zap.String("lost", l))
	}
	return caps, nil
}

func (s *site) buildRoot(local confxml.LocalPath, filter *filterqueue.Filter, caps rsync.Capabilities) error {
	dir, err := resolve(local.Watch)
	if err != nil {
		return fmt.Errorf("%s:%d: %w; create the directory or correct watch=", s.conf.File, local.Line, err)
	}
	r := s.daemon.newRoot(local, dir)
	for _, other := range s.roots {
		if other.dir == dir {
			r.number++
		}
	}
	r.launcher = rsync.NewLauncher(s.daemon.env, s.confine(r))
	r.plain = rsync.NewLauncher(s.daemon.env, nil)
	slots := executor.NewSlots(s.daemon.opts.Threads, s.total)
	var sinks []filterqueue.Sink
	for _, remote := range local.Remotes {
		l, err := s.buildLane(r, remote, slots, filter, caps)
		if err != nil {
			return err
		}
		if l != nil {
			sinks = append(sinks, l)
		}
	}
	r.notify = s.notifier(r)
	r.queue = filterqueue.New(filterqueue.Options{
		Switches: s.conf.Inotify, DotFiles: local.DotFiles, Filter: filter, Root: r.descriptor, Sinks: sinks,
		Notify: r.notify, Dropped: r.links.writtenAs, Logger: s.log.Named("filterqueue"),
	})
	s.connectGates(r)
	s.roots = append(s.roots, r)
	return s.connectWatch(r)
}

// connectWatch finds the watch that sees the root's tree already, or makes one.
// A watch has one root to pass its events on to, so that of two localpaths of
// the same directory each has its own.
func (s *site) connectWatch(r *root) error {
	key := keyOf(r.dir, s.conf, r.number)
	w := s.daemon.watches[key]
	if w == nil {
		var err error
		if w, err = s.daemon.newWatch(r.dir, s.conf); err != nil {
			return err
		}
		s.daemon.watches[key] = w
	}
	r.watch = w
	return nil
}

func (s *site) buildLane(r *root, remote confxml.Remote, slots *executor.Slots, filter *filterqueue.Filter, caps rsync.Capabilities) (*executor.Lane, error) {
	t, err := target(s.conf.File, remote)
	if err != nil {
		return nil, err
	}
	id := laneID(r.dir, t)
	if s.lanes[id] != nil {
		s.log.Warn("remote named twice, synced once", zap.String("lane", id), zap.Int("line", remote.Line))
		return nil, nil
	}
	if s.daemon.locks[id] == nil {
		held, err := lock.Acquire(s.stateDir, id)
		if err != nil {
			return nil, err
		}
		s.daemon.locks[id] = held
	}
	state := s.keeper.load(id)
	if other := s.overwritten(id[len(r.dir):], state); other != "" {
		s.log.Info("another directory was synced to this target since, everything is compared", zap.String("lane", id), zap.String("other", other))
		state.Watermark, state.MirrorDone = time.Time{}, false
	}
	r.recall(state)
	choice := choiceOf(s.conf, r.local, remote)
	before := state.Capabilities[capChoice]
	changed := before != "" && before != choice
	if changed {
		s.log.Info("filter or parameters changed, everything is compared", zap.String("lane", id))
	}
	opt := executor.Options{
		ID: id, Dir: r.dir, Target: t, Program: s.conf.Rsync.Program, Launcher: r.launcher, Plain: r.plain, Slots: slots, Connects: s.connects,
		Caps: decodeCaps(state.Capabilities, caps), MayDelete: s.conf.Inotify.Delete, Mirrored: state.MirrorDone && !changed,
		Held: r.held, Withheld: func() { r.withheld.Store(true) }, Root: r.open, Gone: r.gone,
		Standby: s.conf.Rsync.Standby, Proxied: s.daemon.proxied,
		Settled: s.settled(r, id), Trouble: s.trouble(r, id), Linked: r.links.written, Names: r.links.names, Commands: s.daemon.debugCommand(s.conf.Debug),
		Deletions: s.recordDeletions(id), FailLog: s.failLog.lane(id), Save: s.keeper.save,
		Logger: s.log.Named("executor"),
	}
	if t.Params.FollowLinks {
		opt.Launcher = r.plain
	}
	if t.SSH && !t.Params.RemoteShell {
		opt.ControlPath = controlPath(s.stateDir, id)
	}
	if filter.On() {
		opt.Excluded = filter.Excluded
	}
	l := executor.NewLane(opt)
	s.lanes[id] = l
	r.lanes = append(r.lanes, l)
	s.keeper.add(l, r, choice)
	s.starts = append(s.starts, &laneStart{lane: l, root: r, state: state, changed: changed})
	return l, nil
}

// overwritten tells which lane, of those that are not configured any more, has
// brought another directory to the same destination since the state was saved: a
// watch path that is a link to the current release changes its directory, and may
// be set back.
func (s *site) overwritten(suffix string, state failqueue.LaneState) string {
	if state.Watermark.IsZero() {
		return ""
	}
	configured := map[string]bool{}
	for _, local := range s.conf.LocalPaths {
		dir, err := resolve(local.Watch)
		for _, remote := range local.Remotes {
			if t, bad := target(s.conf.File, remote); err == nil && bad == nil {
				configured[laneID(dir, t)] = true
			}
		}
	}
	for _, lane := range s.keeper.store.Later(suffix, state.Saved.Now) {
		if !configured[lane] {
			return lane
		}
	}
	return ""
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

// plainPath tells whether ssh and rsync's splitting of -e leave the path alone.
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

// confine keeps rsync's children from following links inside the watch root.
func (s *site) confine(r *root) func() error {
	needed := []string{s.stateDir, s.conf.Rsync.Program}
	for _, remote := range r.local.Remotes {
		needed = append(needed, remote.PasswordFile)
	}
	return func() error {
		err := confine.Thread(r.dir, needed)
		if err != nil {
			r.confineNote.Do(func() {
				r.log.Info("links that appear in a path between the look and the run cannot be ruled out here", zap.Error(err))
			})
		}
		return err
	}
}

func (s *site) recordDeletions(id string) func(failqueue.Cause, []string) {
	return func(cause failqueue.Cause, paths []string) {
		now := time.Now()
		out := make([]failqueue.Deletion, len(paths))
		for i, p := range paths {
			out[i] = failqueue.Deletion{Time: now, Lane: id, Cause: cause, Path: p}
		}
		if err := s.audit.Record(out...); err != nil {
			s.log.Warn("audit log not written", zap.Error(err))
		}
	}
}
