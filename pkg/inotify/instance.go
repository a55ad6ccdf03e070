package inotify

import (
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/fsevent/kernelqueue"
)

// instance is an inotify instance.
type instance struct{ kernelqueue.Queue }

// unwatch removes a watch.
func (i *instance) unwatch(wd int32) {
	// EINVAL: the kernel has removed the watch already, and its IN_IGNORED is in the queue.
	_, _ = unix.InotifyRmWatch(i.FD, uint32(wd))
}
