// Package demo is a made-up program state for looking at the status page, and
// for testing it, without any syncing.
package demo

import (
	"fmt"
	"math/rand/v2"
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

// outage is for how long the dead remote of NewFailing has been dead.
const outage = 4*time.Minute + 9*time.Second

// New is a source of two roots with four lanes, all in sync, with ten minutes
// of history.
func New() *Source { return build(0) }

// NewFailing is New with a remote that is dead and a full sync that runs.
func NewFailing() *Source {
	s := build(outage)
	s.Kill(1)
	s.FullSync(3)
	return s
}

// build makes a source whose second lane has been silent for quiet.
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
	random := rand.New(rand.NewPCG(uint64(len(s.records)+1), 7)) //nolint:gosec // a picture, no secret
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
		ID: status.LaneID(root, remote), Root: root, Remote: remote, State: status.LaneInSync, Since: now.Add(-4 * time.Second),
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

// Change lets f change the state; recorder i belongs to lane i.
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
		l.Remedy = "start the rsync daemon (or sshd) there, check the port"
		l.Pending, l.OldestPending, l.NextTry = 1284, now.Add(-outage), now.Add(14*time.Second)
		records[i].Failure(status.Failure{
			Time: now.Add(-outage - 20*time.Second), Path: "site/b/locked.html", Reason: `rsync: [receiver] mkstemp "site/b/.locked.html.Xa81Kz" (in www) failed: Permission denied (13)`, Exit: 23,
			Remedy: "let the remote's uid (rsyncd.conf: uid, or the ssh user) write there",
		})
		for k := range 5 {
			at := now.Add(-time.Duration(5-k) * 50 * time.Second)
			records[i].Run(at, false)
			records[i].Failure(status.Failure{Time: at, Reason: l.Reason, Exit: 10})
		}
	})
}

// FullSync puts lane i into the middle of a full sync.
func (s *Source) FullSync(i int) {
	s.Change(func(snap *status.Snapshot, _ []*status.Recorder) {
		l := &snap.Lanes[i]
		l.State, l.Since = status.LaneFullSync, time.Now().Add(-95*time.Second)
		l.Pending, l.OldestPending = 37, time.Now().Add(-3*time.Second)
		l.Progress = &status.Progress{Done: 118400, Total: 204310, Bytes: 3221225472}
	})
}
