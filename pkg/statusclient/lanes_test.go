package statusclient

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sersync/sersync/pkg/status"
)

// fiveLanes are the lanes of two watch roots; the name of one root has a space.
func fiveLanes() []status.Lane {
	var list []status.Lane
	for _, l := range [][2]string{{"/data/www", "web1::www"}, {"/data/www", "web2::www"}, {"/data/www", "10.0.0.3::www"}, {"/data/my pics", "web1::pics"}, {"/data/2", "web1::two"}} {
		list = append(list, status.Lane{ID: l[0] + "#" + l[1], Root: l[0], Remote: l[1]})
	}
	return list
}

func TestPick(t *testing.T) {
	tests := []struct {
		words []string
		want  []int
		err   string // a part of the error
	}{
		{[]string{""}, []int{1, 2, 3, 4, 5}, ""},
		{[]string{"2"}, []int{2}, ""},
		{[]string{"web2"}, []int{2}, ""},
		{[]string{"10.0.0.3"}, []int{3}, ""},
		{[]string{"pics"}, []int{4}, ""},
		{[]string{"my pics"}, []int{4}, ""},
		{[]string{"my pics"}, []int{4}, ""},
		{[]string{"/data/www"}, []int{1, 2, 3}, ""},
		{[]string{"/data/www#web1::www"}, []int{1}, ""},
		{[]string{"two", "5", "1"}, []int{1, 5}, ""},
		{[]string{"web1"}, nil, "\"web1\" is a part of the names of 3 lanes; give a number, or a longer part; the lanes are:\n  1  /data/www#web1::www\n  4  /data/my pics#web1::pics\n  5  /data/2#web1::two"},
		{[]string{"1", "web9"}, nil, "no lane has \"web9\" in its name; the lanes are:\n  1  /data/www#web1::www\n"},
		{[]string{"6"}, nil, "there is no lane 6; the lanes are:\n  1  "},
		{[]string{"0"}, nil, "there is no lane 0;"},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.words), func(t *testing.T) {
			found, err := pick(fiveLanes(), tt.words)
			var numbers []int
			for _, n := range found {
				numbers = append(numbers, n.number)
			}
			if !slices.Equal(numbers, tt.want) || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v, %v; want %v, %q", numbers, err, tt.want, tt.err)
			}
		})
	}
}

// TestManyCandidates: with hundreds of lanes an error can still be read.
func TestManyCandidates(t *testing.T) {
	var lanes []status.Lane
	for i := range 200 {
		lanes = append(lanes, status.Lane{ID: fmt.Sprintf("/d#web%d::m", i)})
	}
	_, err := pick(lanes, []string{"web"})
	if err == nil || strings.Count(err.Error(), "\n") != maxCandidates+1 || !strings.HasSuffix(err.Error(), "and 180 more, see --status") {
		t.Errorf("error %v", err)
	}
}

// TestActSaysWhatItDid: the output has one line for each lane, and a lane that refuses does not
// keep the next one from being asked.
func TestActSaysWhatItDid(t *testing.T) {
	p := &program{snap: status.Snapshot{Lanes: fiveLanes()}}
	p.snap.Lanes[1].ID = "busy"
	c := New(serve(t, p))
	tests := []struct {
		words     []string
		lang      status.Lang
		code      int
		out, errs string
	}{
		{[]string{"4"}, status.English, 0, "lane 4, /data/my pics#web1::pics: paused; changes are collected until --resume\n", ""},
		{[]string{"pics"}, status.Chinese, 0, "lane 4, /data/my pics#web1::pics: 已暂停；变更继续被记录，直到 --resume\n", ""},
		{[]string{"busy", "two"}, status.English, 1, "lane 5, /data/2#web1::two: paused; changes are collected until --resume\n",
			"sersync: lane 2, busy: refused: a full sync runs already\n"},
		{[]string{"web"}, status.English, 1, "", "sersync: \"web\" is a part of the names of 4 lanes; give a number, or a longer part; the lanes are:\n  1  /data/www#web1::www\n"},
	}
	for _, tt := range tests {
		var out, errs bytes.Buffer
		code := Act(t.Context(), c, status.Pause, tt.words, tt.lang, &out, &errs)
		if code != tt.code || out.String() != tt.out || !strings.HasPrefix(errs.String(), tt.errs) || tt.errs == "" && errs.Len() > 0 {
			t.Errorf("%q: %d\n%s%s", tt.words, code, out.String(), errs.String())
		}
	}
	var out, errs bytes.Buffer
	if code := Act(t.Context(), New("/nonexistent/sock"), status.Pause, nil, status.English, &out, &errs); code != 3 || out.Len() > 0 {
		t.Errorf("not running: %d\n%s%s", code, out.String(), errs.String())
	}
}
