package session

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/child"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/rsyncopts"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patient is how long a test waits for something that takes milliseconds on an idle machine.
const patient = 20 * time.Second

// bed is a session between two directories, with a real daemon.
type bed struct {
	*testing.T
	*Session
	src, dst string
	daemon   *testkit.RsyncDaemon
	gone     atomic.Bool
	keeps    bool // batches keep copies of the same second on the remote
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newBed(t *testing.T, change func(*Options), module ...string) *bed {
	t.Helper()
	b := &bed{T: t, src: t.TempDir(), dst: t.TempDir()}
	must(t, os.Chmod(filepath.Dir(b.dst), 0o755))
	must(t, os.Chmod(b.dst, 0o777))
	b.daemon = testkit.Rsyncd(t, testkit.RsyncdConf{
		Secrets: map[string]string{"bob": "secret"}, Modules: []testkit.Module{{Name: "m", Path: b.dst, Options: module}},
	})
	params, err := rsync.ParseParams("-artuz", rsyncopts.Setting{}, os.Getenv)
	must(t, err)
	launcher := child.NewLauncher([]string{"PATH=" + os.Getenv("PATH")}, nil)
	opt := Options{
		Dir: b.src, Target: rsync.Target{Host: "127.0.0.1", Name: "m", Port: b.daemon.Port(), Params: params},
		Root: func() *fstree.Root {
			root, err := fstree.Open(b.src)
			if err != nil || b.gone.Load() {
				return nil
			}
			return root
		},
		Program: "rsync", Launcher: launcher, Plain: launcher, Standby: true, Logger: zap.NewNop(),
	}
	if change != nil {
		change(&opt)
	}
	b.Session = New(opt)
	ctx, cancel := context.WithCancel(context.Background())
	launched := make(chan error, 1)
	go func() { launched <- launcher.Run(ctx) }()
	t.Cleanup(func() {
		b.Close()
		cancel()
		must(t, <-launched)
	})
	return b
}

func (b *bed) batch() transport.Batch {
	return transport.Batch{Kind: transport.Send, Contents: true, Updating: transport.Updating{KeepSecond: b.keeps}}
}

// keep starts a standby and waits for it.
func (b *bed) keep() {
	b.Helper()
	testkit.Eventually(b.T, patient, "an rsync waits", func() bool {
		b.KeepStandby(b.Context(), time.Now(), b.batch(), true)
		return b.Waits()
	})
}

// send sends one new file.
func (b *bed) send(name string) (transport.Trip, error) {
	b.Helper()
	must(b.T, os.WriteFile(filepath.Join(b.src, name), []byte(name), 0o644))
	listed := ""
	t, err := b.Do(b.Context(), transport.Call{
		Batch: b.batch(), Names: []string{name}, Warm: true, Void: func() { listed = "" },
		Changed: func(c transport.Change) { listed += c.Path },
	})
	if err == nil && t.Result.Class == transport.Done {
		if text, err := os.ReadFile(filepath.Join(b.dst, name)); err != nil || string(text) != name || listed != name {
			b.Errorf("%s: %q is there, %q was listed, %v", name, text, listed, err)
		}
	}
	return t, err
}

func TestARunGoesByTheStandbyOrCold(t *testing.T) {
	b := newBed(t, nil)
	if trip, err := b.send("cold"); err != nil || trip.Warm || trip.Lost || trip.Result.Class != transport.Done {
		t.Errorf("without a standby: %+v, %v", trip, err)
	}
	b.keep()
	if trip, err := b.send("warm"); err != nil || !trip.Warm || trip.Result.Class != transport.Done {
		t.Errorf("with a standby: %+v, %v", trip, err)
	}
	if b.Waits() {
		t.Error("the standby still waits after it has been used")
	}
	b.keep()
	b.Drop()
	if trip, err := b.send("dropped"); err != nil || trip.Warm || trip.Result.Class != transport.Done {
		t.Errorf("a standby was dropped: %+v, %v", trip, err)
	}
}

// An rsync is told at its start which copies -u keeps: a standby carries no batch that keeps
// others, and makes way for a standby that does.
func TestAStandbyCarriesWhatItWasStartedFor(t *testing.T) {
	b := newBed(t, nil)
	b.keep()
	b.keeps = true
	if trip, err := b.send("keeps more"); err != nil || trip.Warm || trip.Result.Class != transport.Done {
		t.Errorf("by a standby that keeps less: %+v, %v", trip, err)
	}
	b.keeps = false
	b.keep()
	b.keeps = true
	b.KeepStandby(t.Context(), time.Now(), b.batch(), false)
	if b.Waits() {
		t.Error("the one that keeps less waits still")
	}
	b.keep()
	if trip, err := b.send("keeps as much"); err != nil || !trip.Warm || trip.Result.Class != transport.Done {
		t.Errorf("by one that keeps as much: %+v, %v", trip, err)
	}
}

// A run that was given to a standby whose connection is dead is done by another process, and
// succeeds.
func TestAStandbyThatIsDeadIsFoundSo(t *testing.T) {
	for name, kill := range map[string]func(*bed){
		"the remote was restarted":    func(b *bed) { b.daemon.Stop(); b.daemon.Start() },
		"a firewall has forgotten it": func(b *bed) { b.daemon.FreezeSessions() },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, nil)
			b.keep()
			testkit.Eventually(t, patient, "it has connected", func() bool { return strings.Contains(b.daemon.Log(), "rsync to m") })
			kill(b)
			if trip, err := b.send("f"); err != nil || trip.Warm || !trip.Lost || trip.Result.Class != transport.Done {
				t.Errorf("%+v, %v", trip, err)
			}
		})
	}
}

func TestNoRunWithoutItsSlotOrItsRoot(t *testing.T) {
	b := newBed(t, nil)
	refused := errors.New("no slot")
	call := transport.Call{Batch: b.batch(), Names: []string{"f"}, Start: func(context.Context) error { return refused }}
	if _, err := b.Do(t.Context(), call); !errors.Is(err, refused) {
		t.Error(err)
	}
	b.gone.Store(true)
	call.Start = nil
	if _, err := b.Do(t.Context(), call); !errors.Is(err, transport.ErrRootGone) {
		t.Error(err)
	}
}

// A run whose context its caller has ended is stopped, and does not count as a failure of the
// remote.
func TestAnEndedContextStopsARun(t *testing.T) {
	b := newBed(t, nil)
	b.daemon.Freeze()
	defer b.daemon.Thaw()
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan struct{})
	b.opt.Commands = func(string) { close(began) }
	go func() { <-began; cancel() }()
	trip, err := b.Do(ctx, transport.Call{Batch: b.batch(), Names: []string{"f"}})
	if err == nil && trip.Result.Class != transport.Stopped || err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", trip.Result.Class, err)
	}
}

// Behind a daemon that is frozen the kernel still accepts connections, but nothing sends a
// greeting.
func TestAProbeTellsWhoServes(t *testing.T) {
	b := newBed(t, nil)
	if err := b.Probe(t.Context()); err != nil {
		t.Errorf("a daemon that serves: %v", err)
	}
	if release := b.Release(t.Context()); !strings.HasPrefix(release.Name, "rsync ") {
		t.Errorf("its release is %q", release.Name)
	}
	b.daemon.Freeze()
	if err := b.Probe(t.Context()); err == nil || b.Answers(t.Context()) {
		t.Error("a frozen daemon answers")
	}
	b.daemon.Thaw()
	b.daemon.Stop()
	if err := b.Probe(t.Context()); err == nil {
		t.Error("a daemon that has ended answers a probe")
	}
	if !b.Answers(t.Context()) {
		t.Error("a daemon that refuses connections may still serve others")
	}
}

// A session that waits for its turn to connect sends without a standby meanwhile, and gets one
// later.
func TestAStandbyWaitsForItsTurn(t *testing.T) {
	connects := NewConnects()
	b := newBed(t, func(o *Options) {
		o.Connects = connects
		for range 30 {
			connects.address(o.Target).turn(time.Now())
		}
	})
	now := time.Now()
	b.KeepStandby(t.Context(), now, b.batch(), true)
	if b.Waits() || !b.Due(true).After(now) {
		t.Errorf("the session does not wait for its turn, which is in %v", b.Due(true).Sub(now))
	}
	if trip, err := b.send("before"); err != nil || trip.Warm || trip.Result.Class != transport.Done {
		t.Errorf("%+v, %v", trip, err)
	}
	b.keep()
	if trip, err := b.send("after"); err != nil || !trip.Warm {
		t.Errorf("%+v, %v", trip, err)
	}
}

// The user's parameters may name a file relative to the watch root. Each run finds this file, also
// a run that sets times in another directory.
func TestFilesOfTheParametersAreFoundFromTheWatchRoot(t *testing.T) {
	b := newBed(t, func(o *Options) {
		var err error
		o.Target.Params, err = rsync.ParseParams("-artuz --password-file=.secret", rsyncopts.Setting{}, os.Getenv)
		must(t, err)
		o.Target.User = "bob"
	}, "auth users = bob")
	must(t, os.WriteFile(b.src+"/.secret", []byte("secret\n"), 0o600))
	must(t, os.WriteFile(b.dst+"/f", nil, 0o644))
	when := time.Unix(1_000_000_000, 123_456_789)
	must(t, os.Chtimes(b.dst+"/f", when, when))
	scratch := t.TempDir()
	must(t, os.WriteFile(scratch+"/f", nil, 0o600))
	must(t, os.Chtimes(scratch+"/f", time.Unix(1, 0), time.Unix(1, 0)))
	trip, err := b.Do(t.Context(), transport.Call{Batch: transport.Batch{Kind: transport.Stamps}, Names: []string{"f"}, Scratch: scratch})
	if err != nil || trip.Result.Class != transport.Done {
		t.Fatalf("%+v, %v", trip, err)
	}
	info, err := os.Stat(scratch + "/f")
	must(t, err)
	if !info.ModTime().Equal(when) {
		t.Errorf("the time is %v, want that of the remote's copy", info.ModTime())
	}
}

// While a remote has not answered it is asked again at once; otherwise one question a minute is
// enough.
func TestWhenASilentRunHasItsRemoteAsked(t *testing.T) {
	var v serving
	began := time.Now()
	for _, c := range []struct {
		after    time.Duration
		due      bool
		answered bool
	}{
		{0, false, false}, {serveEvery - time.Second, false, false}, {serveEvery, true, false}, {serveEvery + 20*time.Second, true, true},
		{serveEvery + 30*time.Second, false, false}, {2*serveEvery + 20*time.Second, true, false},
	} {
		now := began.Add(c.after)
		if due := v.due(now); due != c.due {
			t.Errorf("after %v: %v", c.after, due)
		}
		if c.answered {
			v.answered(now)
		}
	}
}
