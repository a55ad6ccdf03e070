package fstree

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// onOwnThread calls f on a thread of its own, whose working directory is its
// own as well if own is set, and returns when f has. The thread ends with the
// goroutine, which is to end soon: it must not be used for anything else.
func onOwnThread(f func(own bool)) {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		// The main thread never ends, and its working directory is the one that other processes see
		// of the program. While this goroutine is locked to a thread, f cannot get that one.
		defer runtime.UnlockOSThread()
		done := make(chan struct{})
		go func() {
			defer close(done)
			onOwnThread(f)
		}()
		<-done
		return
	}
	own := unix.Unshare(unix.CLONE_FS) == nil
	if !own {
		runtime.UnlockOSThread()
	}
	f(own)
}
