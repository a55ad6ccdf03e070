package hubclient

import (
	"context"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/stream"
)

// Mirrors holds what the mirrors of one tree have announced. It is safe for concurrent use.
type Mirrors struct {
	client *Client
	tree   string
	names  []string

	mu    sync.Mutex
	known map[string]stream.Mirror
}

// Mirrors returns what the mirrors of those names announce for a tree.
func (c *Client) Mirrors(tree string, names []string) *Mirrors {
	return &Mirrors{client: c, tree: tree, names: names, known: map[string]stream.Mirror{}}
}

// Run keeps the announcements up to date until the context ends.
func (m *Mirrors) Run(ctx context.Context) error {
	if len(m.names) == 0 {
		<-ctx.Done()
		return nil
	}
	news := make(chan *nats.Msg, ahead)
	sub, err := m.client.conn.ChanSubscribe(stream.MirrorsOf(m.tree), news)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	for {
		cut, _ := m.client.connection()
		m.ask(ctx)
		for lost := false; !lost; {
			select {
			case <-ctx.Done():
				return nil
			case <-cut:
				lost = true
			case one := <-news:
				m.hear(one.Subject[strings.LastIndexByte(one.Subject, '.')+1:], one.Data)
			}
		}
		if !m.connected(ctx) {
			return nil
		}
	}
}

// connected waits until the server answers again.
func (m *Mirrors) connected(ctx context.Context) bool {
	for ctx.Err() == nil {
		if m.client.flush(ctx) == nil {
			return true
		}
		pause(ctx)
	}
	return false
}

// ask reads the announcements that are stored.
func (m *Mirrors) ask(ctx context.Context) {
	for _, name := range m.names {
		answer, err := m.client.request(ctx, stream.GetMirror(name, m.tree), nil)
		if err == nil && answer.Header.Get(stream.HeaderStatus) == "" {
			m.hear(name, answer.Data)
		}
	}
}

// hear takes one announcement. An announcement that cannot be read is ignored: then the mirror is
// asked for nothing new.
func (m *Mirrors) hear(name string, data []byte) {
	a, err := stream.DecodeMirror(name, m.tree, data)
	if err != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, wanted := range m.names {
		if wanted == name {
			m.known[name] = a
		}
	}
}

// Announced tells which generation of an epoch a mirror has.
func (m *Mirrors) Announced(name string, epoch change.Epoch) (uint64, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.known[name]
	return a.Generation, ok && a.Epoch == stream.EpochText(epoch)
}
