package lock

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A holder that ends says so by a second lock on the same file: a record lock (fcntl(2),
// F_OFD_SETLK) on its first byte. It needs no disk, so that it also works when the state directory
// is full or hangs, and the kernel releases it together with the first lock.
var endingByte = unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart, Start: 0, Len: 1}

// SayEnding tells whoever asks for the lock that it will be free soon. The lock
// is held until Release all the same.
func (l *Lock) SayEnding() error {
	b := endingByte
	return unix.FcntlFlock(l.f.Fd(), unix.F_OFD_SETLK, &b)
}

// holderEnds tells whether the holder of f has called SayEnding.
func holderEnds(f *os.File) bool {
	b := endingByte
	b.Type = unix.F_WRLCK // what would conflict with SayEnding's
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &b) == nil && b.Type != unix.F_UNLCK
}

// Patience bounds how long Await waits.
type Patience struct {
	// Notice is the time for a holder that has not called SayEnding: the signal that ends it may
	// have been sent a moment ago.
	Notice time.Duration
	// Ending is the time for a holder that has called it.
	Ending time.Duration
}

// retryEvery is how often a lock that is held is tried again. The kernel's own
// wait for a lock can be neither bounded nor cancelled.
const retryEvery = 20 * time.Millisecond

// Await is Acquire, but it waits for a holder that is ending, for as long as p and ctx allow; after
// that it returns the *HeldError. waits is called once, when the wait for a holder that is ending
// begins.
func Await(ctx context.Context, dir, key string, p Patience, waits func(*HeldError)) (*Lock, error) {
	began := time.Now()
	tick := time.NewTicker(retryEvery)
	defer tick.Stop()
	var ending *HeldError // who has said that it ends
	for {
		l, err := Acquire(dir, key)
		var held *HeldError
		if !errors.As(err, &held) {
			return l, err
		}
		if held.Ending && ending == nil {
			ending = held
			waits(held)
		}
		limit := p.Notice
		// The kernel takes the sign of an end away a moment before the lock itself.
		if held.Ending || ending != nil && held.PID == ending.PID {
			limit = p.Ending
		}
		if time.Since(began) >= limit {
			return nil, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}
