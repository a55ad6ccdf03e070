package executor

import "context"

// Beside runs do on a goroutine for which the end of the lane waits. The context of do ends with
// ctx, and when the lane is told to stop.
func Beside(ctx context.Context, l *Lane, do func(context.Context)) error {
	err := ErrStopped
	done := make(chan struct{})
	asked := l.request(ctx, func() {
		select {
		case <-l.slots.Stopped():
			close(done)
			return
		default:
		}
		l.loop.runs.Go(func() {
			defer close(done)
			bound, end := l.slots.Bound(ctx)
			defer end()
			do(bound)
			err = nil
		})
	})
	if asked != nil {
		return asked
	}
	<-done
	return err
}
