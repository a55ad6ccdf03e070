package hub

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/hub/identity"
	"github.com/sersync/sersync/pkg/hub/roster"
	"github.com/sersync/sersync/pkg/stream"
	"github.com/sersync/sersync/pkg/stream/dial"
	publish "github.com/sersync/sersync/pkg/transport/stream"
)

// bed is a hub on loopback, in a directory of its own.
type bed struct {
	*testing.T
	dir, url string
	maxStore int64
	tidy     func(ctx context.Context, edges []string) error
	stop     func()
}

func newBed(t *testing.T) *bed {
	t.Helper()
	return newBedOf(t, 1<<30)
}

// newBedOf makes a bed whose streams together may hold maxStore bytes.
func newBedOf(t *testing.T, maxStore int64) *bed {
	t.Helper()
	b := &bed{T: t, dir: filepath.Join(t.TempDir(), "hub"), maxStore: maxStore}
	b.start("127.0.0.1:0")
	t.Cleanup(func() { b.stop() })
	return b
}

// start runs the hub; after a stop it listens at the same address as before.
func (b *bed) start(listen string) {
	b.Helper()
	h, err := New(Options{Dir: b.dir, Listen: listen, MaxStore: b.maxStore, Tidy: b.tidy, Logger: zap.NewNop()})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	addr, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- h.Run(ctx, func(a string) { addr <- a }) }()
	b.stop = func() {
		cancel()
		if ended != nil {
			if err := <-ended; err != nil {
				b.Error(err)
			}
			ended = nil
		}
	}
	select {
	case a := <-addr:
		b.url = "nats://" + a
	case err := <-ended:
		ended = nil
		b.Fatal("the hub has not started:", err)
	}
}

// way is how the owner of a key connects to the hub.
func (b *bed) way(keyFile, inbox string) dial.Way {
	return dial.Way{URL: b.url, Creds: keyFile, CA: filepath.Join(b.dir, identity.CA), Client: b.Name(), Inbox: inbox}
}

func (b *bed) sourceWay() dial.Way { return b.way(filepath.Join(b.dir, identity.SourceKey), "") }

// edge adds an edge to the roster, and returns how the edge connects.
func (b *bed) edge(name string, trees ...string) dial.Way {
	b.Helper()
	seed, public, err := identity.NewKey()
	if err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(b.TempDir(), name+".nk")
	if err := os.WriteFile(file, []byte(seed), 0o600); err != nil {
		b.Fatal(err)
	}
	err = roster.Change(b.dir, func(r *roster.Roster) error {
		r.Put(roster.Edge{Name: name, Key: public, Trees: trees})
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	w := b.way(file, stream.Inbox(name))
	b.await("the edge's key is taken", func() bool {
		c, err := dial.Connect(b.Context(), w)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	return w
}

// connect connects to the hub. While the hub takes over a changed roster it may refuse a key, or
// end a connection that is being made. Sources and edges try again then, and so does connect.
func (b *bed) connect(w dial.Way, more ...nats.Option) *nats.Conn {
	b.Helper()
	var c *nats.Conn
	b.await("a connection", func() (ok bool) {
		var err error
		if c, err = dial.Connect(b.Context(), w, more...); err != nil {
			b.Log(err)
		}
		return err == nil
	})
	b.Cleanup(c.Close)
	return c
}

// notLetIn expects that the hub refuses a connection with this reason. On a busy machine the end of
// a connection may overtake its reason; then connect is called again.
func (b *bed) notLetIn(reason string, connect func() (*nats.Conn, error)) {
	b.Helper()
	b.await("refused: "+reason, func() bool {
		c, err := connect()
		if err == nil {
			c.Close()
			b.Fatal("let in, and should have been refused: " + reason)
		}
		said, _ := dial.Explain(err)
		if said != reason {
			b.Logf("%s: %v", said, err)
		}
		return said == reason
	})
}

// ask sends a request until it is answered: while the hub takes over a changed roster nobody
// answers for a moment, and connections may end.
func (b *bed) ask(c *nats.Conn, m *nats.Msg) (answer *nats.Msg) {
	b.Helper()
	b.await("an answer at "+m.Subject, func() bool {
		var err error
		if answer, err = c.RequestMsg(m, 10*time.Second); err != nil {
			b.Log(err)
		}
		return err == nil
	})
	return answer
}

func (b *bed) await(what string, is func() bool) {
	b.Helper()
	testkit.Eventually(b, time.Minute, what, is)
}

// source is a publisher for a directory of its own.
type source struct {
	*publish.Publisher
	dir string
}

func (b *bed) source(tree string, change func(*publish.Options)) source {
	b.Helper()
	dir := b.TempDir()
	opt := publish.Options{
		Tree: tree, Way: b.sourceWay(), Limits: publish.Limits{Age: time.Hour, Bytes: 64 << 20}, Dir: dir, Host: "here",
		Root: func() *fstree.Root {
			root, err := fstree.Open(dir)
			if err != nil {
				return nil
			}
			return root
		},
		Held: func(string) string { return "" }, Logger: zaptest.NewLogger(b, zaptest.Level(zap.ErrorLevel)),
	}
	if change != nil {
		change(&opt)
	}
	p := publish.New(opt)
	b.Cleanup(p.Close)
	return source{p, dir}
}

// messages are all messages of a tree's stream, read with the source's key.
func (b *bed) messages(tree string) (list []change.Message) {
	b.Helper()
	for seq := uint64(1); ; seq++ {
		got, _ := b.get(b.connect(b.sourceWay()), tree, seq, 1000)
		if len(got) == 0 {
			return list
		}
		for _, m := range got {
			one, err := change.Decode(m.Data)
			if err != nil {
				b.Fatal(err)
			}
			list = append(list, one)
		}
		seq += uint64(len(got)) - 1
	}
}

// entries are all entries of a tree's stream, in their order.
func (b *bed) entries(tree string) (list []change.Entry) {
	for _, m := range b.messages(tree) {
		list = append(list, m.Entries...)
	}
	return list
}

// has tells whether, by the last entry about a path, the path exists.
func (b *bed) has(tree, path string) bool {
	entries := b.entries(tree)
	slices.Reverse(entries)
	i := slices.IndexFunc(entries, func(e change.Entry) bool { return e.Path == path && e.State != change.Tree })
	return i >= 0 && entries[i].State != change.Gone
}
