// Package demo makes a state of a program that does not sync anything, for looking at the status
// page and for testing it.
package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/sersync/sersync/pkg/status"
)

// Source is a statuspage.Source whose lanes a test can change. It is safe for
// concurrent use.
type Source struct {
	mu      sync.Mutex
	snap    status.Snapshot
	records []*status.Recorder
}

// outage is for how long the remote of NewFailing has been down.
const outage = 4*time.Minute + 9*time.Second

// New is a source of two roots with four lanes, all of them in sync, with ten minutes of history.
func New() *Source { return build(0) }

// NewFailing is New with one remote that is down, and one full sync under way.
func NewFailing() *Source {
	s := build(outage)
	s.Kill(1)
	s.FullSync(3)
	return s
}

// build makes a source whose second lane has sent nothing for the time quiet.
func build(quiet time.Duration) *Source {
	now := time.Now()
	s := &Source{snap: status.Snapshot{
		Version: "3.0.0", PID: 4711, Host: "web-01", Started: now.Add(-76*time.Hour - 12*time.Minute), Ready: true,
		ConfigFile: "/etc/sersync/confxml.xml",
		Roots: []status.Root{
			{Path: "/data/www", State: status.RootWatched, Directories: 18342, Since: now.Add(-76 * time.Hour)},
			{Path: "/data/uploads", State: status.RootWatched, Directories: 2051, Since: now.Add(-76 * time.Hour)},
		},
		Watches: status.Watches{Count: 20393, Limit: 524288},
		Plugins: []status.Plugin{{Name: "http", Delivered: 48213, FailedAttempts: 2, LastSuccess: now}},
	}}
	s.lane("/data/www", "10.0.0.2::www", now)
	s.lane("/data/www", "10.0.0.3::www", now.Add(-quiet))
	s.lane("/data/uploads", "backup.example.net::uploads", now)
	s.lane("/data/uploads", "sync@10.8.0.5:/srv/uploads", now)
	return s
}

func (s *Source) lane(root, remote string, now time.Time) {
	r := status.NewRecorder()
	random := rand.New(rand.NewPCG(uint64(len(s.records)+1), 7))
	past(r, random, time.Now(), time.Since(now))
	for i := range status.Buckets {
		at := now.Add(-time.Duration(status.Buckets-i) * status.BucketSpan)
		wave := 6 + 5*((i/9)%4) - random.IntN(6)
		for range max(0, wave) {
			ms := 2 + random.ExpFloat64()*float64(3+len(s.records)*4)
			r.Transfer(status.Transfer{
				Time: at, Path: fmt.Sprintf("site/%c/page-%03d.html", 'a'+rune(random.IntN(8)), random.IntN(400)), Operation: status.Sent,
				Bytes: int64(random.IntN(60000)), Duration: status.Seconds(ms * float64(time.Millisecond)),
			})
		}
		r.Run(at, true)
	}
	s.records = append(s.records, r)
	s.snap.Lanes = append(s.snap.Lanes, status.Lane{
		ID: root + "#" + remote, Root: root, Remote: remote, State: status.LaneInSync, Since: now.Add(-4 * time.Second),
	})
}

// Snapshot implements statuspage.Source.
func (s *Source) Snapshot() status.Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.snap
	out.Now = time.Now()
	out.Roots = append([]status.Root{}, s.snap.Roots...)
	out.Plugins = append([]status.Plugin{}, s.snap.Plugins...)
	out.Lanes = append([]status.Lane{}, s.snap.Lanes...)
	for i := range out.Lanes {
		s.records[i].Fill(&out.Lanes[i], out.Now)
	}
	return out
}

// NewMany is a source of n lanes of ten watch roots; a few lanes are in trouble.
func NewMany(n int) *Source {
	s := &Source{snap: status.Snapshot{
		Version: "3.0.0", PID: 4711, Host: "edge-01", Started: time.Now().Add(-76 * time.Hour), Ready: true,
		ConfigFile: "/etc/sersync/confxml.xml", Watches: status.Watches{Count: 203931, Limit: 524288},
	}}
	now := time.Now()
	for i := range min(n, 10) {
		s.snap.Roots = append(s.snap.Roots, status.Root{Path: fmt.Sprintf("/data/site-%02d", i), State: status.RootWatched, Directories: 20393})
	}
	for i := range n {
		s.lane(s.snap.Roots[i%len(s.snap.Roots)].Path, fmt.Sprintf("10.0.%d.%d::www", i/100, i%100+1), now)
	}
	for i := 17; i < n; i += 41 {
		s.Kill(i)
	}
	for i := 9; i < n; i += 67 {
		s.FullSync(i)
	}
	return s
}

// Where implements statuspage.Inquiries: the file is the same on all remotes, except for those in
// trouble, one that has an older file, and one that excludes it.
func (s *Source) Where(_ context.Context, path string) (status.Whereabouts, error) {
	snap := s.Snapshot()
	out := status.Whereabouts{Path: path, Places: []status.Place{}}
	for i, l := range snap.Lanes {
		rel, in := strings.CutPrefix(path, l.Root+"/")
		if !in {
			continue
		}
		here := &status.Copy{Kind: "file", Size: 48213, Modified: snap.Now.Add(-3 * time.Minute)}
		p := status.Place{Lane: l.ID, Number: i + 1, Root: l.Root, Remote: l.Remote, Path: rel, Verdict: status.Same, Here: here, There: here, Contents: true}
		switch {
		case l.State == status.LaneBackingOff:
			p.Verdict, p.There, p.Reason, p.Detail, p.Remedy = status.Unasked, nil, l.Reason, l.Detail, l.Remedy
			p.Waiting = &status.Wait{Path: rel, Since: snap.Now.Add(-3 * time.Minute)}
		case i%7 == 3:
			p.Verdict, p.There = status.Older, &status.Copy{Kind: "file", Size: 48001, Modified: snap.Now.Add(-26 * time.Hour)}
		case i%7 == 5:
			p.Verdict, p.There = status.Missing, nil
			p.Excluded = &status.Exclusion{By: status.ByFilter, File: "/etc/sersync/confxml.xml", Line: 12, Text: `(.*)\.html`}
		}
		out.Places = append(out.Places, p)
	}
	if len(out.Places) == 0 {
		return out, fmt.Errorf("%s: %w; the watch roots are: /data/www, /data/uploads", path, status.ErrNoRoot)
	}
	return out, nil
}

// Pending implements statuspage.Inquiries.
func (s *Source) Pending(string, int) (status.Pending, error) {
	return status.Pending{Waits: []status.Wait{}}, nil
}

// Detail implements statuspage.Inquiries.
func (s *Source) Detail(lane string, names bool) (status.Detail, error) {
	snap := s.Snapshot()
	for i, l := range snap.Lanes {
		if l.ID != lane {
			continue
		}
		d := status.Detail{Now: snap.Now, Names: names, Lane: l, Deletions: []status.Deletion{}}
		var failing []status.Wait
		for k := range min(l.Pending, 40) {
			w := status.Wait{Path: fmt.Sprintf("site/%c/page-%03d.html", 'a'+k%8, k*7), Since: l.OldestPending.Add(time.Duration(k) * 6 * time.Second)}
			if k < 3 && l.State == status.LaneBackingOff {
				w.Attempt, w.Reason, w.Remedy = 2, denied, deniedRemedy
				w.Command = "cd " + l.Root + " && rsync -artuz -R ./" + w.Path + " " + l.Remote
				failing = append(failing, w)
			}
			d.Pending.Waits = append(d.Pending.Waits, w)
		}
		d.Pending.Total = l.Pending
		d.Causes = status.Causes(failing, s.records[i].Failures())
		for k := range 6 {
			d.Deletions = append(d.Deletions, status.Deletion{Time: snap.Now.Add(-time.Duration(k*k+1) * 11 * time.Minute), Path: fmt.Sprintf("site/old/archive-%02d.html", 12-k), Cause: "event"})
		}
		if i == 1 {
			d.Lane.Verify = &status.Comparison{Time: snap.Now.Add(-7 * time.Hour), Differing: 2, OnlyOnTarget: 1, Names: []string{"site/c/page-017.html", "site/f/page-203.html"}, Extras: []string{"site/tmp/upload.part"}}
		}
		d.Hour, d.Day = s.records[i].Past(snap.Now)
		return d, nil
	}
	return status.Detail{}, fmt.Errorf("%w: %q", status.ErrUnknownLane, lane)
}

const (
	denied       = "rsync: mkstemp failed: Permission denied (13)"
	deniedRemedy = "let the uid of [www] in the rsyncd.conf on 10.0.0.3 write there"
)

// past gives a lane a day of history.
func past(r *status.Recorder, random *rand.Rand, now time.Time, quiet time.Duration) {
	for i := range 24 * 60 {
		at := now.Add(-time.Duration(24*60-i) * time.Minute)
		if i > 500 && i < 540 {
			continue // at this time the program was not running
		}
		busy := 20 + 60*max(0, 10-abs(i-900)/60)
		files := busy/3 + random.IntN(busy)
		lag := time.Duration(40+random.IntN(400)) * time.Millisecond
		if random.IntN(90) == 0 {
			lag = time.Duration(random.IntN(40)) * time.Second
		}
		if now.Sub(at) < quiet {
			files, lag = 0, quiet-now.Sub(at)
		}
		r.Earlier(at, files, int64(files)*int64(9000+random.IntN(20000)), lag)
	}
}

func abs(n int) int { return max(n, -n) }

// Change lets f change the state; records[i] belongs to lane i.
func (s *Source) Change(f func(snap *status.Snapshot, records []*status.Recorder)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.snap, s.records)
}

// Sent records that a path arrived through lane i.
func (s *Source) Sent(i int, path string) {
	s.Change(func(_ *status.Snapshot, records []*status.Recorder) {
		records[i].Transfer(status.Transfer{Time: time.Now(), Path: path, Operation: status.Sent, Bytes: 12345, Duration: status.Seconds(4 * time.Millisecond)})
		records[i].Run(time.Now(), true)
	})
}

// Kill makes the remote of lane i refuse connections.
func (s *Source) Kill(i int) {
	now := time.Now()
	s.Change(func(snap *status.Snapshot, records []*status.Recorder) {
		l := &snap.Lanes[i]
		l.State, l.Since = status.LaneBackingOff, now.Add(-outage)
		l.Reason = "the remote refuses the connection"
		l.Detail = "rsync: [sender] failed to connect to 10.0.0.3 (10.0.0.3): Connection refused (111)"
		l.Remedy = "start the rsync daemon on 10.0.0.3, check the port 873"
		l.Pending, l.OldestPending, l.NextTry = 1284, now.Add(-outage), now.Add(14*time.Second)
		records[i].Failure(status.Failure{
			Time: now.Add(-outage - 20*time.Second), Path: "site/b/locked.html", Reason: denied, Exit: 23,
			Detail: `rsync: [receiver] mkstemp "site/b/.locked.html.Xa81Kz" (in www) failed: Permission denied (13)`, Remedy: deniedRemedy,
		})
		for k := range 5 {
			at := now.Add(-time.Duration(5-k) * 50 * time.Second)
			records[i].Run(at, false)
			records[i].Failure(status.Failure{Time: at, Reason: l.Reason, Exit: 10})
		}
	})
}

// FullSync makes a full sync of lane i be under way.
func (s *Source) FullSync(i int) {
	s.Change(func(snap *status.Snapshot, _ []*status.Recorder) {
		l := &snap.Lanes[i]
		l.State, l.Since = status.LaneFullSync, time.Now().Add(-95*time.Second)
		l.Pending, l.OldestPending = 37, time.Now().Add(-3*time.Second)
		l.Progress = &status.Progress{Done: 118400, Total: 204310, Bytes: 3221225472}
	})
}

// Streams adds a lane that publishes to n edges, of which two are in trouble and two are not in
// sync yet. It returns the number of the lane.
func (s *Source) Streams(n int) (lane int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lane = len(s.snap.Lanes)
	s.lane("/data/www", "stream:www", time.Now())
	s.snap.Lanes[lane].Edges = Edges(n, true)
	return lane
}

// Edges are the reports of n edges; with trouble they include the edges in trouble that Streams
// has.
func Edges(n int, trouble bool) *status.Edges {
	now := time.Now()
	var list []status.Edge
	for i := range n {
		e := status.Edge{Name: fmt.Sprintf("edge-%03d", i), State: status.EdgeInSync, Sequence: 48213, Heard: now.Add(-time.Duration(i) * 100 * time.Millisecond), Version: "3.0.0"}
		switch {
		case !trouble:
		case i == 42:
			e.State, e.Lag, e.Dirty, e.Failures = status.EdgeTroubled, 412, 38, 38
			e.Reason, e.Remedy = "the disk of the directory is full", "make room there; the edge goes on by itself"
		case i == 107:
			e.State, e.Heard = status.EdgeSilent, now.Add(-2*time.Hour)
		case i == 150:
			e.State = status.EdgeComparing
		case i == 151:
			e.State, e.Lag, e.Dirty = status.EdgeBehind, 3, 12
		}
		list = append(list, e)
	}
	return status.EdgesOf(list, 0, status.EdgesLimit)
}
