package executor

import (
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/executor/outcome"
	"github.com/sersync/sersync/pkg/transport"
)

// renewAfter is the time after which an option that the remote has refused is tried again, without
// any sign that the remote may have another release by now: behind sshd or inetd there is no such
// sign. A try costs one session.
const renewAfter = time.Hour

// learn adds what a flight has shown about the remote to what is known of it, and tells whether the
// remote has refused the flight, so that it is to be repeated at once.
func (r *remote) learn(o *outcome.Outcome) (again bool) {
	if o.Err != nil {
		return false
	}
	if o.Result.Missing == transport.MissingAnswer && len(o.Works) == 1 && r.culprits[o.Works[0].Path] {
		// A path that breaks every run says nothing about the remote.
		o.Result.Class, o.Result.Missing, o.Result.Broken = transport.Trouble, transport.MissingNothing, true
		return false
	}
	r.mu.Lock()
	before := r.state.caps
	r.state.caps, again = before.After(o.Result)
	after := r.state.caps
	met := o.Met && !r.state.peer
	r.state.peer = r.state.peer || o.Met // versions that the remote has have come here
	r.mu.Unlock()
	if met {
		r.save()
	}
	if without := after.Without(); !slices.Equal(without, before.Without()) {
		if len(without) == 0 {
			r.log.Info("the remote's rsync accepts all options now")
		} else {
			r.log.Info("what the remote's rsync does not accept is done in another way", zap.String("how", strings.Join(without, "; ")))
		}
		r.save()
	}
	// Another flight may have learnt it while this one was under way.
	return again || o.Result.Class == transport.Refused && o.Caps != after
}

// renew has refused options tried once more, because the remote may have another release by now.
func (r *remote) renew(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state.caps = r.state.caps.Renewed()
	r.renewed, r.releaseDue = now, true
}

// learnedGrain takes what a full sync has learnt into the lane's state.
func (r *remote) learnedGrain(g transport.Grain) {
	r.mu.Lock()
	before := r.state.caps.Grain
	r.state.caps.Grain = g
	r.mu.Unlock()
	if before != g && max(before, g) > transport.GrainNanosecond {
		r.log.Info("learnt how fine the remote keeps the times of files", zap.Stringer("grain", g))
	}
}
