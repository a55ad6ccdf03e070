package transport

import (
	"context"
	"time"
)

// Call is one batch, its names, and functions that are called while it is carried: one at a time,
// and none after the call has ended. Functions that are nil are not called.
type Call struct {
	Batch Batch
	Names []string // what the batch is about, relative to the watch root
	// Whole says that the name of a directory may stand for everything in it, when all of that is
	// among the names.
	Whole bool
	// Warm says that the standby may carry the batch, because it is like the one for which the
	// standby was started.
	Warm bool
	// Start is called before a process is started for the batch; an error ends the call. It is not
	// called when the standby carries the batch.
	Start func(context.Context) error
	// Stop, when it is closed, ends the batch; the result's class is Stopped. It may be
	// nil.
	Stop <-chan struct{}
	// Scratch is the absolute path of the directory that a batch of Stamps brings times
	// to.
	Scratch string

	// Changed is called for each path that was tried, or would be, Progressed with how far the
	// batch is, and Copied with what the remote has (Times).
	Changed    func(Change)
	Progressed func(Progress)
	Copied     func(Copy)
	// Void says that everything reported so far is void, because the batch begins anew.
	Void func()
}

// Trip is the end of a call.
type Trip struct {
	Result Result
	Ended  time.Time
	// Warm says that the standby has carried the batch, Lost that the standby had lost its
	// connection: the remote may have been restarted, or replaced.
	Warm, Lost bool
	// MaxSize is, if Warm is set, that of the batch for which the standby was started.
	MaxSize int64
}
