package plugins

import "time"

// Stats is the state of one Runner for status pages.
type Stats struct {
	Name      string
	Pending   int           // paths that the receiver has not yet
	InFlight  int           // calls to the receiver at this moment
	Oldest    time.Duration // age of the oldest pending path; 0: none
	Delivered uint64        // events, those that a filter kept back included
	Failed    uint64        // attempts
	Dropped   uint64        // events lost: queue full, given up, or stopped

	LastError   string    // of the latest failed attempt; "" if none
	LastErrorAt time.Time // zero: never
	LastSuccess time.Time // zero: never
	// Failing is set while the receiver as a whole does not work.
	Failing bool
}

// counters are the figures behind Stats; the Runner's lock guards them.
type counters struct {
	delivered, failed, dropped uint64
	lastError                  string
	lastErrorAt, lastSuccess   time.Time
}

// Stats returns the state of this moment. It is cheap at any queue length.
func (r *Runner) Stats() Stats {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Stats{
		Name:        r.plugin.Name(),
		Pending:     r.queue.len(),
		InFlight:    r.inFlight,
		Delivered:   r.stats.delivered,
		Failed:      r.stats.failed,
		Dropped:     r.stats.dropped,
		LastError:   r.stats.lastError,
		LastErrorAt: r.stats.lastErrorAt,
		LastSuccess: r.stats.lastSuccess,
		Failing:     r.stats.failed > 0 && r.stats.lastErrorAt.After(r.stats.lastSuccess) && r.queue.len() > 0,
	}
	if since, ok := r.queue.oldest(); ok {
		s.Oldest = max(now.Sub(since), 0)
	}
	return s
}
