package hub

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/sersync/sersync/pkg/stream"
)

// get reads messages as an edge does. status tells how the answer ended; it is empty if there was
// no answer.
func (b *bed) get(c *nats.Conn, tree string, from uint64, batch int) (list []*nats.Msg, status string) {
	b.Helper()
	ask, err := json.Marshal(stream.Get{Sequence: from, Batch: batch})
	if err != nil {
		b.Fatal(err)
	}
	inbox := c.NewRespInbox()
	sub, err := c.SubscribeSync(inbox)
	if err != nil {
		b.Fatal(err)
	}
	defer sub.Unsubscribe()
	if err := c.PublishRequest(stream.GetSubject(tree), inbox, ask); err != nil {
		b.Fatal(err)
	}
	for {
		m, err := sub.NextMsg(patience)
		switch {
		case errors.Is(err, nats.ErrTimeout), errors.Is(err, nats.ErrPermissionViolation):
			return list, ""
		case err != nil:
			return list, err.Error()
		}
		if s := m.Header.Get(stream.HeaderStatus); s != "" {
			return list, s
		}
		list = append(list, m)
	}
}

// patience is how long a test waits for an answer that must not come.
const patience = 2 * time.Second

func sequence(m *nats.Msg) uint64 {
	n, _ := strconv.ParseUint(m.Header.Get(stream.HeaderSequence), 10, 64)
	return n
}

// lastOf is the last sequence number of a stream.
func lastOf(b *bed, c *nats.Conn, name string) uint64 {
	b.Helper()
	m := b.ask(c, &nats.Msg{Subject: "$JS.API.STREAM.INFO." + name})
	var info struct {
		State struct {
			Last uint64 `json:"last_seq"`
		} `json:"state"`
	}
	if err := json.Unmarshal(m.Data, &info); err != nil {
		b.Fatal(err)
	}
	return info.State.Last
}
