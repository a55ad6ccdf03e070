package preflight

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
	publish "github.com/sersync/sersync/pkg/transport/stream"
)

// Site is the part of a configuration that can be tried.
type Site struct {
	Program  string   // rsync
	Env      []string // of the rsyncs, with the password for daemons if there is one
	Proxied  bool     // rsync connects to daemons in a way of its own (RSYNC_PROXY, RSYNC_CONNECT_PROG)
	Delete   bool     // <delete> is on
	Roots    []WatchRoot
	Language Language // of the report
}

// WatchRoot is one watch root with its lanes.
type WatchRoot struct {
	Dir     string // where it really is
	Targets []rsync.Target
	Streams []Stream
	// Marked says that one mark watches it, and no watch for each directory.
	Marked bool
	// Holder tells which process serves a lane of it with this program; 0: none.
	Holder func(rsync.Target) int
}

// How many lanes are tried at a time, and how many of one address: a daemon's listen queue takes five, and a connection
// that finds it full waits for a second.
const (
	lanesAtOnce  = 24
	perAddress   = 6
	sshAtAddress = 4 // of ten that an sshd lets log in at a time (MaxStartups)
)

// Run tries everything, and returns what was found; the end of ctx keeps the rest from being tried, and still has the
// probes deleted. The error is about this host: nothing could be tried.
func (s *Site) Run(ctx context.Context) (*Report, error) {
	r := &Report{Language: s.Language}
	var caps transport.Capabilities
	pushes := slices.ContainsFunc(s.Roots, func(root WatchRoot) bool { return len(root.Targets) > 0 })
	runs := false
	if pushes {
		caps, runs = s.client(ctx, r)
	}
	scratch, err := os.MkdirTemp("", "sersync-check-")
	if err != nil {
		return r, fmt.Errorf("make a directory for probes: %w", err)
	}
	defer os.RemoveAll(scratch) //nolint:errcheck // below the system's directory for temporary files
	var work sync.WaitGroup
	work.Go(func() { s.trees(ctx, r) })
	s.lanes(ctx, r, scratch, caps, runs)
	work.Wait()
	r.Interrupted = ctx.Err() != nil
	return r, nil
}

// client looks at the rsync on this host.
func (s *Site) client(ctx context.Context, r *Report) (caps transport.Capabilities, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, s.Program, "--version").Output() //nolint:gosec // named by the configuration, which is trusted
	version, unknown := rsync.ParseVersion(string(out))
	switch {
	case err != nil:
		r.Host = append(r.Host, Step{Topic: TopicRsync, Verdict: Wrong, Said: clientMissing.of(s.Program, err.Error()), Remedy: installClient})
		return caps, false
	case unknown != nil:
		r.Host = append(r.Host, Step{Topic: TopicRsync, Verdict: Remark, Said: clientUnknown.of(s.Program)})
		return caps, true
	}
	caps, _ = version.Capabilities()
	r.Host = append(r.Host, Step{Topic: TopicRsync, Said: clientIs.of(version.String())})
	return caps, true
}

// lanes tries all of them, some at a time; those to remotes only where rsync runs here.
func (s *Site) lanes(ctx context.Context, r *Report, scratch string, caps transport.Capabilities, runs bool) {
	launcher := child.NewLauncher(s.Env, nil)
	serving, end := context.WithCancel(context.WithoutCancel(ctx)) // probes are deleted also when ctx has ended
	var served, work sync.WaitGroup
	served.Go(func() { _ = launcher.Run(serving) })
	turns := turns{all: make(chan struct{}, lanesAtOnce), at: map[string]chan struct{}{}}
	var tried []*Lane
	for _, root := range s.Roots {
		for _, target := range root.Targets {
			if !runs {
				break
			}
			t := &trial{
				site: s, given: target, watch: root.Dir, delete: s.Delete, lane: Lane{Watch: root.Dir, Remote: target.Dest()},
				session: session{launcher: launcher, program: s.Program, password: s.password(), target: target, caps: caps},
			}
			t.target.Params, t.target.Versions = target.Params.ForTrial(), rsync.Versions{}
			tried = append(tried, &t.lane)
			place, turn := filepath.Join(scratch, strconv.Itoa(len(tried))), turns.of(target)
			work.Go(func() { t.inTurn(ctx, place, turn, turns.all) })
		}
		for _, to := range root.Streams {
			t := &streamTrial{given: to, lane: Lane{Watch: root.Dir, Remote: publish.Remote(to.Tree)}}
			tried = append(tried, &t.lane)
			work.Go(func() { t.inTurn(ctx, turns.all) })
		}
	}
	work.Wait()
	end()
	served.Wait()
	for _, lane := range tried {
		r.Lanes = append(r.Lanes, *lane)
	}
}

// password tells whether the environment holds one for daemons.
func (s *Site) password() bool {
	return slices.ContainsFunc(s.Env, func(kv string) bool { return strings.HasPrefix(kv, "RSYNC_PASSWORD=") })
}

func (t *trial) inTurn(ctx context.Context, place string, turns ...chan struct{}) {
	for _, turn := range turns {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			return
		}
	}
	err := t.places(place)
	if err == nil {
		t.probe, err = newProbe(t.full)
	}
	if err != nil {
		t.fail(TopicWrite, literal(err.Error()), Text{}, nil)
		return
	}
	t.all(ctx)
}

func (t *streamTrial) inTurn(ctx context.Context, turn chan struct{}) {
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
		t.all(ctx)
	case <-ctx.Done():
	}
}

// turns bound how many lanes are tried at a time.
type turns struct {
	all chan struct{}
	at  map[string]chan struct{} // by address
}

func (t turns) of(target rsync.Target) chan struct{} {
	key := net.JoinHostPort(target.Address())
	if t.at[key] == nil {
		n := perAddress
		if target.SSH {
			n = sshAtAddress
		}
		t.at[key] = make(chan struct{}, n)
	}
	return t.at[key]
}
