package daemon

import (
	"errors"
	"net"
	"sync"
	"time"
)

const (
	// sayLimit is how long one message may wait for a service manager that does
	// not read, and leaveLimit how long the last ones may hold up the stop.
	sayLimit   = 200 * time.Millisecond
	leaveLimit = 100 * time.Millisecond
	// sayAgain is how soon a message that was not taken is tried again.
	sayAgain = time.Second
	// maxUnsaid bounds the messages that wait; the oldest are dropped.
	maxUnsaid = 16
)

// manager sends messages to the service manager (sd_notify(3)). Its socket takes a few messages and
// then makes the sender wait until they are read, so that only one goroutine sends, for a bounded
// time. Safe for concurrent use.
type manager struct {
	address string        // empty: there is no service manager
	wake    chan struct{} // capacity 1: a message waits

	// unreached says that the last message could not be sent. It belongs to the goroutine that
	// calls deliver.
	unreached bool

	mu     sync.Mutex
	unsaid []string
}

func newManager(address string) *manager {
	return &manager{address: address, wake: make(chan struct{}, 1)}
}

// say queues a message about a change of state; messages are sent in the order of the calls. It
// never blocks.
func (m *manager) say(state string) {
	if m.address == "" {
		return
	}
	m.mu.Lock()
	m.unsaid = append(m.unsaid, state)
	if more := len(m.unsaid) - maxUnsaid; more > 0 {
		m.unsaid = m.unsaid[more:]
	}
	m.mu.Unlock()
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// deliver sends the queued messages, and then the further ones, which are dropped if they cannot be
// sent. It is for one goroutine at a time.
func (m *manager) deliver(limit time.Duration, further ...string) error {
	if m.address == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.address, Net: "unixgram"})
	if err != nil {
		return err
	}
	err = conn.SetWriteDeadline(time.Now().Add(limit))
	for err == nil {
		state, ok := m.next()
		if !ok {
			break
		}
		if _, err = conn.Write([]byte(state)); err != nil {
			m.putBack(state)
		}
	}
	for _, state := range further {
		if err == nil {
			_, err = conn.Write([]byte(state))
		}
	}
	return errors.Join(err, conn.Close())
}

func (m *manager) next() (state string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.unsaid) == 0 {
		return "", false
	}
	state, m.unsaid = m.unsaid[0], m.unsaid[1:]
	return state, true
}

func (m *manager) putBack(state string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.unsaid) < maxUnsaid {
		m.unsaid = append([]string{state}, m.unsaid...)
	}
}
