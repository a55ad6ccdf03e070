package hubclient

import (
	"context"
	"time"
)

// pause waits a second, or until the context ends.
func pause(ctx context.Context) {
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
