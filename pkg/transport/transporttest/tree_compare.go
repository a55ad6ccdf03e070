package transporttest

import (
	"bytes"
	"io/fs"
	"os"
	"time"

	"github.com/sersync/sersync/pkg/transport"
)

// updates tells whether a newer copy is kept.
func (r *ride) updates() bool { return r.Update && !r.call.Batch.LiftUpdate }

// keeps tells whether the remote keeps its copy for its time. Whole seconds count.
func (r *ride) keeps(here, there time.Time) bool {
	window := int64(0)
	switch b := r.call.Batch; {
	case b.KeepSecond:
		window = 1
	case b.Attributes && b.Caps.Takes(transport.Nanoseconds) && b.Caps.Grain <= transport.GrainNanosecond:
		window = -1 // rsync's value for nanoseconds has -u overwrite what is one second newer
	}
	return r.updates() && here.Unix()-there.Unix() < window
}

// sameTime tells whether two times count as equal in this batch.
func (r *ride) sameTime(a, b time.Time) bool {
	caps := r.call.Batch.Caps
	switch {
	case r.call.Batch.KeepSecond && r.updates(), caps.Grain == transport.GrainTwoSeconds && !r.call.Batch.Contents:
		return max(a.Unix()-b.Unix(), b.Unix()-a.Unix()) <= 1
	case (r.call.Batch.Attributes || !r.updates()) && caps.Takes(transport.Nanoseconds) && caps.Grain <= transport.GrainNanosecond:
		return a.Equal(b)
	default:
		return a.Unix() == b.Unix()
	}
}

// equal tells whether a file is not to be sent: its contents are equal where they are
// compared, else its size and time.
func (r *ride) equal(name string, here, there fs.FileInfo, data []byte, sameTime bool) bool {
	if here.Size() != there.Size() || !r.call.Batch.Contents {
		return here.Size() == there.Size() && sameTime
	}
	copied, err := os.ReadFile(r.there(name))
	return err == nil && bytes.Equal(data, copied)
}
