package daemon

import (
	"errors"
	"sync"
)

// errReplaced says that another site is about to take over.
var errReplaced = errors.New("the configuration is being replaced")

// requests lets operators' requests reach a site until another one replaces it: what
// is asked for after that is for the other site.
type requests struct {
	// mu is held, shared, by who carries out a request, and alone by who ends that.
	mu       sync.RWMutex
	over     bool
	replaced chan struct{} // closed when another site has taken over
}

func newRequests() *requests { return &requests{replaced: make(chan struct{})} }

// carryOut calls f, or returns errReplaced once end was called.
func (r *requests) carryOut(f func() error) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if r.over {
		return errReplaced
	}
	return f()
}

// end waits for the requests that are being carried out, and lets no more in.
func (r *requests) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
}
