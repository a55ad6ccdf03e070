package session

import (
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/sersync/sersync/pkg/transport/rsync"
)

// Connects spaces the connections that sessions make to one address. A daemon's listen queue holds
// five (rsyncd.conf(5), listen backlog); when it is full the kernel tries a connection again only
// after one second, then after two more (tcp(7), tcp_syn_retries). An sshd turns away by chance
// what comes beyond ten that have not logged in (sshd_config(5), MaxStartups).
type Connects struct {
	mu sync.Mutex
	to map[string]*address
}

// address paces the connections to one address. Runs do not wait behind standbys.
type address struct{ runs, ahead *rate.Limiter }

const (
	// runsAtOnce is how many runs may connect without a pause in between. The pauses are longer
	// than a busy server takes to accept a connection.
	runsAtOnce = 4
	runPause   = 10 * time.Millisecond
	aheadPause = 10 * time.Millisecond
	loginPause = 100 * time.Millisecond
)

// NewConnects knows of no connection yet.
func NewConnects() *Connects { return &Connects{to: map[string]*address{}} }

// address is the one of a target.
func (c *Connects) address(t rsync.Target) *address {
	if c == nil {
		return &address{rate.NewLimiter(rate.Inf, 0), rate.NewLimiter(rate.Inf, 0)}
	}
	key := net.JoinHostPort(t.Address())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.to[key] == nil {
		run, ahead := runPause, aheadPause
		if t.SSH {
			run, ahead = loginPause, loginPause
		}
		c.to[key] = &address{rate.NewLimiter(rate.Every(run), runsAtOnce), rate.NewLimiter(rate.Every(ahead), 1)}
	}
	return c.to[key]
}

// turn is when a standby may connect, now or later. It counts as a connection, whether one is made
// or not.
func (a *address) turn(now time.Time) time.Time {
	return now.Add(a.ahead.ReserveN(now, 1).DelayFrom(now))
}
