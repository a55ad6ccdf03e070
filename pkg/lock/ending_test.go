package lock

import (
	"context"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ample is far longer than anything in these tests takes.
const ample = time.Minute

// TestAwaitRefusesWhoStays: while the holder of the lock does not say that it ends, Await returns
// an error, at once if Patience has no time for such a notice.
func TestAwaitRefusesWhoStays(t *testing.T) {
	dir := t.TempDir()
	l, err := Acquire(dir, "k")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	_, err = Await(t.Context(), dir, "k", Patience{Ending: ample}, func(*HeldError) { t.Error("a holder that is not ending counts as ending") })
	var held *HeldError
	if !errors.As(err, &held) || held.Ending {
		t.Errorf("error %v", err)
	}
}

// TestAwaitEnding: the wait is reported once, and ends when the holder releases the lock, when the
// time is over, or when the context ends.
func TestAwaitEnding(t *testing.T) {
	dir := t.TempDir()
	l, err := Acquire(dir, "k")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.SayEnding(); err != nil {
		t.Fatal(err)
	}
	var held *HeldError
	if _, err := Await(t.Context(), dir, "k", Patience{}, func(*HeldError) {}); !errors.As(err, &held) || !held.Ending {
		t.Errorf("limit: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := Await(ctx, dir, "k", Patience{Ending: ample}, func(*HeldError) { cancel() }); !errors.As(err, &held) {
		t.Errorf("context: %v", err)
	}
	told := 0
	next, err := Await(t.Context(), dir, "k", Patience{Ending: ample}, func(*HeldError) {
		if told++; told == 1 {
			if err := l.Release(); err != nil {
				t.Error(err)
			}
		}
	})
	if err != nil || told != 1 {
		t.Fatalf("after the release: %v, told %d times", err, told)
	}
	defer next.Release()
	if _, err := Acquire(dir, "k"); !errors.As(err, &held) || held.Ending {
		t.Errorf("the next holder counts as ending: %v", err)
	}
}

// TestAwaitBetweenSignAndLock: a process that ends loses its sign of that a moment before it loses
// the lock. Await waits for the lock all the same.
func TestAwaitBetweenSignAndLock(t *testing.T) {
	dir := t.TempDir()
	l, err := Acquire(dir, "k")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.SayEnding(); err != nil {
		t.Fatal(err)
	}
	released := make(chan error, 1)
	next, err := Await(t.Context(), dir, "k", Patience{Ending: ample}, func(*HeldError) {
		sign := endingByte
		sign.Type = unix.F_UNLCK
		if err := unix.FcntlFlock(l.f.Fd(), unix.F_OFD_SETLK, &sign); err != nil {
			t.Error(err)
		}
		time.AfterFunc(5*retryEvery, func() { released <- l.Release() })
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(<-released, next.Release()); err != nil {
		t.Error(err)
	}
}

// TestAwaitNotice: Await waits for a holder that says only during the wait that it ends.
func TestAwaitNotice(t *testing.T) {
	dir := t.TempDir()
	l, err := Acquire(dir, "k")
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		lock *Lock
		err  error
	}
	done := make(chan result)
	waiting := make(chan struct{}, 1)
	go func() {
		next, err := Await(t.Context(), dir, "k", Patience{Notice: ample, Ending: ample}, func(*HeldError) { waiting <- struct{}{} })
		done <- result{next, err}
	}()
	if err := l.SayEnding(); err != nil {
		t.Fatal(err)
	}
	<-waiting
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if r := <-done; r.err != nil {
		t.Fatal(r.err)
	} else if err := r.lock.Release(); err != nil {
		t.Error(err)
	}
}
