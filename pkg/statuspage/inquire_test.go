package statuspage

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/status"
)

// answering answers every question with names of paths, and counts the questions.
type answering struct{ asked atomic.Int32 }

const (
	laneAsked = "/data#h::m"
	named     = "dir/secret\xff<b>.txt"
)

func (a *answering) Where(_ context.Context, path string) (status.Whereabouts, error) {
	a.asked.Add(1)
	if !strings.HasPrefix(path, "/data/") {
		return status.Whereabouts{}, fmt.Errorf("%s: %w", path, status.ErrNoRoot)
	}
	now := time.Now()
	return status.Whereabouts{Path: path, Places: []status.Place{{
		Lane: laneAsked, Number: 1, Root: "/data", Remote: "h::m", Path: strings.TrimPrefix(path, "/data/"), Verdict: status.Older, Contents: true,
		Here: &status.Copy{Kind: "file", Size: 1, Modified: now}, There: &status.Copy{Kind: "file"}, Below: 1, Writing: true,
		Excluded: &status.Exclusion{By: status.ByFilter, File: "/etc/c.xml", Line: 3, Text: "x"}, Reason: "r", Detail: "d", Remedy: "m",
		Waiting: &status.Wait{Path: named, Tree: true, Deletion: true, Since: now, InFlight: true, Attempt: 1, NextTry: now, Reason: "r", Detail: "d", Remedy: "m", Command: "c", LaneID: "l", Root: "/data\xff", Number: 1},
	}}}, nil
}

func (a *answering) Pending(lane string, limit int) (status.Pending, error) {
	a.asked.Add(1)
	if lane != "" && lane != laneAsked {
		return status.Pending{}, fmt.Errorf("%w: %q", status.ErrUnknownLane, lane)
	}
	return status.Pending{Total: limit, Waits: []status.Wait{{Path: named, Since: time.Now()}}}, nil
}

func (a *answering) Detail(lane string, _ bool) (status.Detail, error) {
	if lane != laneAsked {
		return status.Detail{}, fmt.Errorf("%w: %q", status.ErrUnknownLane, lane)
	}
	wait := status.Wait{Path: named, Attempt: 1, Reason: "cannot send", Remedy: "m", Command: "rsync " + named, Detail: named, Since: time.Now()}
	d := status.Detail{
		Now: time.Now(), Names: true, Lane: newFake().snap.Lanes[0], Pending: status.Pending{Total: 1, Waits: []status.Wait{wait}},
		Causes: status.Causes([]status.Wait{wait}, []status.Failure{{Time: time.Now(), Reason: "cannot send", Remedy: "m", Exit: 23}}), Deletions: []status.Deletion{{Time: time.Now(), Path: named, Cause: "event"}},
	}
	d.Hour, d.Day = status.NewRecorder().Past(d.Now)
	return d, nil
}

// TestQuestionsAboutPathsNeedTheRight: a client over TCP without the token has no remote asked
// anything, gets no answer that tells whether a file exists, and gets the detail of a lane without
// names.
func TestQuestionsAboutPathsNeedTheRight(t *testing.T) {
	a := &answering{}
	r := start(t, func(o *Options) { o.Inquiries, o.Host.TokenFile = a, tokenFile(t, secret, 0o600) })
	r.waitTCP(t)
	for _, path := range []string{"/api/where?path=/data/a", "/api/where?path=/elsewhere", "/api/pending"} {
		for _, headers := range [][]string{nil, {"Authorization", "Bearer wrong-token-of-some-length"}} {
			if got := r.get(t, path, headers...); got.code != http.StatusUnauthorized {
				t.Errorf("%s %v: %d %s", path, headers, got.code, got.body)
			}
		}
	}
	if n := a.asked.Load(); n != 0 {
		t.Errorf("%d questions were asked for strangers", n)
	}
	if got := r.get(t, "/api/where?path=/data/a", "Authorization", "Bearer "+secret); got.code != http.StatusOK || !strings.Contains(got.body, `"verdict":"older"`) {
		t.Errorf("with the token: %d %s", got.code, got.body)
	}
	if got := r.get(t, "/api/where?path=/data/a", "Authorization", "Bearer "+secret, "Sec-Fetch-Site", "cross-site"); got.code != http.StatusForbidden {
		t.Errorf("for another site: %d", got.code)
	}
	lane := "/api/lane?lane=%2Fdata%23h::m"
	if got := r.get(t, lane); got.code != http.StatusOK || strings.Contains(got.body, "secret") || strings.Contains(got.body, `"names":true`) {
		t.Errorf("the detail without the token: %d %s", got.code, got.body)
	}
	for _, got := range []answer{r.get(t, lane, "Authorization", "Bearer "+secret), r.getSocket(t, lane)} {
		if got.code != http.StatusOK || !strings.Contains(got.body, "secret") {
			t.Errorf("the detail with names: %d %s", got.code, got.body)
		}
	}
}

func TestQuestionsAreAnswered(t *testing.T) {
	r := start(t, func(o *Options) { o.Inquiries = &answering{} })
	var found status.Whereabouts
	got := r.getSocket(t, "/api/where?path=/data/b%FF%0A")
	if err := json.Unmarshal([]byte(got.body), &found); err != nil || found.Places[0].Path != "b\xff\n" || found.Places[0].Waiting.Path != named || found.Path != "/data/b\xff\n" {
		t.Errorf("%v: %+v", err, found)
	}
	var p status.Pending
	got = r.getSocket(t, "/api/pending?limit=7")
	if err := json.Unmarshal([]byte(got.body), &p); err != nil || p.Total != 7 || p.Waits[0].Path != named {
		t.Errorf("%v: %+v", err, p)
	}
	for path, code := range map[string]int{
		"/api/where?path=/x":         http.StatusNotFound,
		"/api/pending?lane=x":        http.StatusNotFound,
		"/api/lane?lane=x":           http.StatusNotFound,
		"/api/pending?limit=9999999": http.StatusOK,
	} {
		if got := r.getSocket(t, path); got.code != code {
			t.Errorf("%s: %d %s", path, got.code, got.body)
		}
	}
	if got := r.getSocket(t, "/api/pending?limit=9999999"); !strings.Contains(got.body, fmt.Sprintf(`"total":%d`, status.PendingLimit)) {
		t.Errorf("the limit is not bounded: %s", got.body)
	}
	if got := start(t, nil).getSocket(t, "/api/where?path=/data/a"); got.code != http.StatusNotImplemented {
		t.Errorf("of nobody: %d", got.code)
	}
}

// TestBriefStatus: the brief status has everything that a table needs, and no name of a path.
func TestBriefStatus(t *testing.T) {
	r := start(t, nil)
	whole, brief := r.getSocket(t, "/api/status"), r.getSocket(t, "/api/status?brief")
	if !strings.Contains(whole.body, "other-secret") || strings.Contains(brief.body, "other-secret") || len(brief.body) >= len(whole.body) {
		t.Errorf("%d and %d bytes: %s", len(whole.body), len(brief.body), brief.body)
	}
}

// TestEveryMemberOfAnswersIsDocumented compares docs/api.md with the answers.
func TestEveryMemberOfAnswersIsDocumented(t *testing.T) {
	doc := apiDoc(t)
	a := &answering{}
	where, _ := a.Where(t.Context(), "/data/x\xff")
	pending, _ := a.Pending("", 5)
	detail, _ := a.Detail(laneAsked, true)
	for _, v := range []any{where, pending, detail} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var tree any
		if err := json.Unmarshal(b, &tree); err != nil {
			t.Fatal(err)
		}
		members(tree, func(name string) {
			plain := strings.TrimSuffix(name, "_bytes")
			for _, form := range []string{"`" + plain + "`", "`" + plain + "[]`", "overall." + plain} {
				if strings.Contains(doc, form) {
					return
				}
			}
			t.Errorf("docs/api.md does not explain %s", name)
		})
	}
}
