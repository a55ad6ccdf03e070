package rsync

import "github.com/sersync/sersync/pkg/transport"

// window is the value of --modify-window; ok tells whether the run has one of
// ours at all. It decides two things in rsync. Two times are equal when they lie
// no further apart; -1 compares nanoseconds. And -u keeps the remote's copy
// unless the file here is newer by at least that many seconds, of which only
// whole ones count: -1 overwrites a copy that is one second newer, and 2 skips
// a file that was written again within two seconds.
//
// So with -u the value is 0, rsync's own: whether contents are equal is then found out by comparing
// them (see Contents), or by the question that follows a full sync, which has no -u. With 1, -u
// keeps a copy of the same second as well; that question then decides about it, too.
func (r Run) window() (seconds int, ok bool) {
	switch {
	case r.KeepSecond && r.Caps.TakesWindow() && r.updates() && (r.Contents || !r.Target.Params.ModifyWindow):
		return 1, true
	case r.Target.Params.ModifyWindow:
		return 0, r.Contents && r.updates()
	case r.has(transport.Nanoseconds):
		return -1, true
	default:
		return 1, r.Caps.Grain == transport.GrainTwoSeconds && !r.Contents
	}
}

// nanoseconds tells whether the run is to compare times by the nanosecond.
func (r Run) nanoseconds() bool {
	return !r.Target.Params.ModifyWindow && (r.Attributes || !r.updates()) && r.Caps.Grain <= transport.GrainNanosecond
}

// updates tells whether -u holds in the run.
func (r Run) updates() bool { return r.Target.Params.Update && !r.LiftUpdate }
