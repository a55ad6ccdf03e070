package rsync

import (
	"slices"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/transport"
)

func TestWindow(t *testing.T) {
	old := transport.Capabilities{}.Lacking(transport.Nanoseconds)
	for _, c := range []struct {
		params string
		change func(*Run)
		want   string
	}{
		{"-rt", func(*Run) {}, "-1"},
		{"-rt", func(r *Run) { r.Caps = old }, ""},
		{"-rt", func(r *Run) { r.Caps.Grain = transport.GrainSecond }, ""},
		{"-rt", func(r *Run) { r.Caps.Grain = transport.GrainTwoSeconds }, "1"},
		{"-rtu", func(*Run) {}, ""}, // -1 would replace a copy that is one second newer
		{"-rtu", func(r *Run) { r.LiftUpdate = true }, "-1"},
		{"-rtu", func(r *Run) { r.Attributes = true }, "-1"},
		{"-rtu", func(r *Run) { r.LiftUpdate, r.Caps.Grain = true, transport.GrainSecond }, ""},
		{"-rtu", func(r *Run) { r.Caps.Grain = transport.GrainTwoSeconds }, "1"},
		{"-rtu", func(r *Run) { r.Contents, r.Caps.Grain = true, transport.GrainTwoSeconds }, ""},
		{"-rtu --modify-window=2", func(*Run) {}, "2"},
		{"-rtu --modify-window=2", func(r *Run) { r.Contents = true }, "2 0"}, // the last one counts
		{"-rt --modify-window=2", func(r *Run) { r.Contents = true }, "2"},
	} {
		r := Run{Batch: transport.Batch{Kind: transport.Send}, Target: Target{Host: "h", Name: "m", Params: params(t, c.params)}}
		c.change(&r)
		var got []string
		for _, a := range r.Args() {
			if v, ok := strings.CutPrefix(a, "--modify-window="); ok {
				got = append(got, v)
			}
		}
		if !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%s, contents %v, %+v: %q, want %q", c.params, r.Contents, r.Caps, got, c.want)
		}
	}
}
