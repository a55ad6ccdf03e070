package daemon

import (
	"errors"
	"sync"
)

// errReplaced says that another site is about to take over.
var errReplaced = errors.New("the configuration is being replaced")

// requests passes operators' requests to a site until another site replaces it: later requests are
// for the other site.
type requests struct {
	// mu is held for reading while a request is carried out, and for writing to end that.
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

// end waits for the requests that are being carried out, and refuses further ones.
func (r *requests) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
}
