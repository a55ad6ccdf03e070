package executor

import "github.com/sersync/sersync/pkg/status"

// setProgress shows how far the full sync is.
func (b *board) setProgress(p status.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.progress = &p
}

// noProgress shows that no full sync is under way.
func (b *board) noProgress() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state.progress = nil
}
