package executor

import (
	"context"

	"github.com/sersync/sersync/pkg/transport"
)

// askRelease finds out which rsync the remote has, for people. Which options the remote accepts is
// learnt from runs alone.
func (l *loop) askRelease(ctx context.Context) {
	if !l.remote.releaseDue {
		return
	}
	l.remote.releaseDue = false
	var release transport.Release
	l.errand(ctx, func(ctx context.Context) { release = l.opt.Transport.Release(ctx) }, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.state.release = release
	})
}
