package hub

import (
	"sync"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/sersync/sersync/pkg/hub/roster"
)

// state is the state of a running hub.
type state struct {
	mu     sync.Mutex
	server *server.Server // nil: none runs
	reason string         // why the hub does not work as it should; empty: it does
}

func (s *state) set(to *server.Server, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.server, s.reason = to, reason
}

// leave says that no server runs any more. The reason stays.
func (s *state) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.server = nil
}

// Snapshot is the state of a hub.
type Snapshot struct {
	Serves      bool   // streams are open
	Reason      string // why they are not, or what else is wrong
	Connections int
	Edges       int    // in the roster
	Stored      uint64 // bytes
	Messages    uint64
	Streams     int
	FreeBytes   int64 // on the disk
}

// Snapshot returns the present state of the hub.
func (h *Hub) Snapshot() Snapshot {
	h.state.mu.Lock()
	s, reason := h.state.server, h.state.reason
	h.state.mu.Unlock()
	out := Snapshot{Reason: reason, FreeBytes: free(h.opt.Dir)}
	if r, err := roster.Read(h.opt.Dir); err == nil {
		out.Edges = len(r.Edges)
	}
	if s == nil {
		if out.Reason == "" {
			out.Reason = "the server does not run"
		}
		return out
	}
	out.Serves, out.Connections = s.JetStreamEnabled(), s.NumClients()
	if js, err := s.Jsz(nil); err == nil {
		out.Stored, out.Messages, out.Streams = js.Store, js.Messages, js.Streams
	}
	return out
}
