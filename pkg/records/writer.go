package records

import (
	"context"
	"errors"
	"time"
)

// ErrSlow says that a write has not come back.
var ErrSlow = errors.New("the file system does not answer")

// Disk carries out one job at a time on one file system. It stays the same over reloads, so that a
// job that hung cannot overwrite what a later job has written.
type Disk struct{ turn chan struct{} } // capacity 1, filled while a job runs

// NewDisk is a file system on which no job runs.
func NewDisk() *Disk { return &Disk{turn: make(chan struct{}, 1)} }

// Do carries out job after the earlier ones and returns when it is done. If ctx ends first, Do
// returns false, and job is either not begun or goes on by itself, because a system call that hangs
// cannot be ended. slow is called once when it takes long.
func (d *Disk) Do(ctx context.Context, job, slow func()) (done bool) {
	late := time.NewTimer(slowDisk)
	defer late.Stop()
	begin := d.turn
	ended := make(chan struct{})
	for {
		select {
		case begin <- struct{}{}:
			begin = nil
			go func() {
				defer close(ended)
				defer func() { <-d.turn }()
				job()
			}()
		case <-ended:
			return true
		case <-late.C:
			slow()
		case <-ctx.Done():
			return false
		}
	}
}

const (
	// slowDisk is how long a write may take before it is reported as slow.
	slowDisk = 10 * time.Second
	// LastWrites is how long a stop or a reload waits for the last writes.
	LastWrites = 5 * time.Second
)

// Writer writes something as soon as it is asked to and the write before is done; all requests that
// come during a write share the next one.
type Writer struct {
	disk *Disk
	wake chan struct{} // capacity 1
	// write is called by one goroutine at a time.
	write func() error
	// tell gets what became of each write: nil, its error or ErrSlow.
	tell func(error)
	pace time.Duration // between the writes; 0: none
}

// NewWriter makes a writer for a disk; nothing runs yet. write is called by one
// goroutine at a time, and tell gets what became of each write: nil, its error or
// ErrSlow.
func NewWriter(d *Disk, write func() error, tell func(error)) *Writer {
	return &Writer{disk: d, wake: make(chan struct{}, 1), write: write, tell: tell}
}

// Soon asks for a write. It never blocks.
func (w *Writer) Soon() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run writes what is asked for until ctx ends. Call Finish then.
func (w *Writer) Run(ctx context.Context) error {
	pace := time.NewTimer(0)
	defer pace.Stop()
	for {
		select {
		case <-w.wake:
		case <-ctx.Done():
			return nil
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
			return nil
		}
		w.once(ctx)
		pace.Reset(w.pace)
	}
}

// Finish writes a last time, for as long as ctx allows.
func (w *Writer) Finish(ctx context.Context) {
	if !w.once(ctx) {
		w.tell(ErrSlow)
	}
}

func (w *Writer) once(ctx context.Context) bool {
	var err error
	done := w.disk.Do(ctx, func() { err = w.write() }, func() { w.tell(ErrSlow) })
	if done {
		w.tell(err)
	}
	return done
}
