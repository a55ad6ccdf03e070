package transport

import (
	"context"
	"time"
)

// Call is one batch, its names, and who is told of it while it is carried. The
// functions are called one at a time, none of them after the call has ended; those that
// are nil are not called.
type Call struct {
	Batch Batch
	Names []string // what the batch is about, relative to the watch root
	// Whole says that a directory may be named in the place of all that it holds, when
	// all of it is among the names.
	Whole bool
	// Warm says that what waits may carry the batch: it is the one that was to be
	// waited for.
	Warm bool
	// Start is called before something is started for the batch; an error ends the
	// call. What waits already is used without it.
	Start func(context.Context) error
	// Stop, when it is closed, ends the batch; the result's class is Stopped. It may be
	// nil.
	Stop <-chan struct{}
	// Scratch is the absolute path of the directory that a batch of Stamps brings times
	// to.
	Scratch string

	// Changed is told of each thing that was tried, or would be, Progressed how far
	// the batch has come, and Copied what the remote has (Times).
	Changed    func(Change)
	Progressed func(Progress)
	Copied     func(Copy)
	// Void says that all that was told so far is to be forgotten: the batch begins
	// anew.
	Void func()
}

// Trip is how a call has ended.
type Trip struct {
	Result Result
	Ended  time.Time
	// Warm says that what waited has carried the batch, Lost that it was found dead:
	// the remote may have been restarted, or replaced.
	Warm, Lost bool
	// MaxSize is that of the batch that was to be waited for, where Warm is set.
	MaxSize int64
}
