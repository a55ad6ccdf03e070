package statusclient

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/status"
)

// twoLanes gets an answer about the first lane soon, and one about the second lane if second is
// set.
func twoLanes(second *status.Comparison) *program {
	p := &program{snap: inSync()}
	y := p.snap.Lanes[0]
	y.ID = "y"
	p.snap.Lanes = append(p.snap.Lanes, y)
	p.after = func(asked int, s *status.Snapshot) {
		if asked == 2 {
			s.Lanes[0].Verify = &status.Comparison{Time: time.Now(), Differing: 1, Newer: 1, OnlyOnTarget: 1, Names: []string{"a"}, NewerNames: []string{"c"}, Extras: []string{"b\n"}}
		}
		if asked == 3 && second != nil {
			second.Time = time.Now()
			s.Lanes[1].Verify = second
		}
	}
	return p
}

const firstLane = "x: 1 differing, 1 newer on the remote, 1 only on the remote\n  a\n  newer on the remote: c\n  only on the remote: b\\n\n" +
	"  1 file is newer on the remote: touch the files here to have them sent, or copy those of the remote to here\n"

func TestVerifyTellsOfEachLane(t *testing.T) {
	c := New(serve(t, twoLanes(&status.Comparison{Error: "the remote refuses the connection"})))
	var out, errs bytes.Buffer
	if code := Verify(t.Context(), c, []string{""}, false, status.English, &out, &errs); code != 1 || errs.Len() > 0 {
		t.Errorf("%d %s", code, errs.String())
	}
	if want := firstLane + "y: not compared: the remote refuses the connection\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// A lane that has not answered yet does not keep the answers of others back.
func TestVerifyThatIsInterrupted(t *testing.T) {
	for _, json := range []bool{false, true} {
		c := New(serve(t, twoLanes(nil)))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		var out, errs bytes.Buffer
		code := Verify(ctx, c, []string{""}, json, status.English, &out, &errs)
		if code != 1 || !strings.Contains(errs.String(), "1 lanes") {
			t.Errorf("json %v: %d %s", json, code, errs.String())
		}
		if want := map[bool]string{false: firstLane, true: `"differing":1`}[json]; !strings.Contains(out.String(), want) {
			t.Errorf("json %v: %q", json, out.String())
		}
	}
}
