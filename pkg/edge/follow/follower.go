package follow

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/backoff"
	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/edge/backlog"
	"github.com/sersync/sersync/pkg/edge/edgexml"
	"github.com/sersync/sersync/pkg/edge/fetch"
	"github.com/sersync/sersync/pkg/edge/position"
	"github.com/sersync/sersync/pkg/edge/trouble"
	"github.com/sersync/sersync/pkg/logging"
)

const (
	// runs is how many rsyncs of a tree work at a time: a huge file does not keep
	// smaller ones waiting.
	runs = 2
	// batch is how many files one run fetches.
	batch = 1000
	// round is how many paths are applied before other events are looked at.
	round = 2000
	// saveEvery is how often the position is written while it changes: after a crash everything
	// that was applied since is applied again.
	saveEvery = time.Second
	// remember is how many paths the position lists one by one.
	remember = 1000
	// together is how many messages are put into the backlog before they are applied: of each path
	// only the latest state is then applied.
	together = 16
	// lookAgain is how often a directory in trouble is looked at.
	lookAgain = 2 * time.Second
	// unsureEvery is how often the tree is compared, at most, because messages were refused.
	unsureEvery = 10 * time.Minute
)

// retry is how long a path waits after a failure.
var retry = backoff.Exponential{Min: time.Second, Max: time.Minute}

// Changed is one path that this edge has changed.
type Changed struct {
	Path    string // "" is the root
	Dir     bool
	Deleted bool
}

// Options describe a Follower.
type Options struct {
	Tree    edgexml.Tree
	Source  Source
	Fetcher Fetcher
	File    *position.File
	// Changed is called by the loop for every path that has been changed; nil: nothing is called.
	Changed func(Changed)
	Log     *zap.Logger
	// Limits bound the backlog.
	Limits backlog.Limits
}

// Follower keeps one tree.
type Follower struct {
	opt    Options
	log    *zap.Logger
	repeat *logging.Repeat

	// Owned by the loop.
	backlog *backlog.Backlog
	at      position.Position
	dir     directory
	flights flights
	clock   clock
	figures Figures

	mu   sync.Mutex
	said Figures // of the latest round
}

// clock holds when the next steps are due.
type clock struct {
	saved   time.Time // when the position was written
	dirty   bool      // it has changed since
	wake    time.Time // when a path is tried again; zero: none
	look    time.Time // when the directory is looked at again; zero: it is fine
	unsure  time.Time // when the tree was last compared because of refused messages
	refused bool      // a message was refused since
}

// flights are the runs that work.
type flights struct {
	landed chan landing
	count  int
	wg     sync.WaitGroup
	cancel context.CancelFunc
	// rootTime is the time of the tree's root before the first run, in ns; the working directory of
	// runs changes it.
	rootTime int64
}

// landing is the end of a run.
type landing struct {
	items  []*backlog.Item
	result fetch.Result
	// extras are the paths that only this edge has, after a comparison that may remove them.
	extras []string
	err    error // of the search for extras
}

// New returns a Follower that has not started.
func New(opt Options) *Follower {
	if opt.Log == nil {
		opt.Log = zap.NewNop()
	}
	if opt.Changed == nil {
		opt.Changed = func(Changed) {}
	}
	log := opt.Log.With(zap.String("tree", opt.Tree.Name))
	return &Follower{opt: opt, log: log, repeat: logging.NewRepeat(log), backlog: backlog.New(opt.Limits)}
}

// Run follows until the context ends. It returns an error only when the position on disk cannot be
// used, for then nothing can be followed. After any other error it tries again.
func (f *Follower) Run(ctx context.Context) error {
	if err := f.restore(); err != nil {
		return err
	}
	flying, cancel := context.WithCancel(ctx)
	f.flights.landed, f.flights.cancel = make(chan landing), cancel
	events := make(chan event, together)
	r := &reader{source: f.opt.Source, out: events}
	if f.at.Known || f.at.Taken.Sequence > 0 {
		r.next = f.at.Taken.Sequence + 1
	}
	var reading sync.WaitGroup
	reading.Go(func() { r.run(flying) })
	defer func() {
		cancel()
		reading.Wait()
		f.drain()
		f.dir.release()
	}()
	f.loop(flying, events)
	return nil
}

// restore reads the position and fills the backlog from it.
func (f *Follower) restore() error {
	at, err := f.opt.File.Load()
	if errors.Is(err, position.ErrNew) {
		return nil
	}
	if err != nil {
		return err
	}
	f.at = at
	for _, i := range at.Pending {
		f.backlog.Restore(i)
	}
	f.at.Pending = nil
	return nil
}

func (f *Follower) loop(ctx context.Context, events <-chan event) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		in := events
		if f.backlog.Full() || f.dir.trouble != nil {
			in = nil
		}
		select {
		case <-ctx.Done():
			return
		case e := <-in:
			f.take(e)
			f.takeMore(in)
		case l := <-f.flights.landed:
			f.land(l)
		case <-timer.C:
		}
		f.work(ctx)
		f.save(false)
		f.say(len(events))
		timer.Reset(f.next())
	}
}

// takeMore takes the messages that have come meanwhile.
func (f *Follower) takeMore(in <-chan event) {
	for range together {
		select {
		case e := <-in:
			f.take(e)
		default:
			return
		}
	}
}

// next is the time until something is due.
func (f *Follower) next() time.Duration {
	d := time.Hour
	for _, at := range []time.Time{f.clock.wake, f.clock.look} {
		if !at.IsZero() {
			d = min(d, time.Until(at))
		}
	}
	if f.clock.dirty && !f.at.Directory.IsZero() {
		d = min(d, time.Until(f.clock.saved.Add(saveEvery)))
	}
	if f.clock.refused {
		d = min(d, time.Until(f.clock.unsure.Add(unsureEvery)))
	}
	if f.backlog.Len() > 0 && f.more() {
		d = 0
	}
	return max(d, 0)
}

// take puts a message of the reader into the backlog.
func (f *Follower) take(e event) {
	switch {
	case e.err != nil:
		f.figures.Connected, f.figures.Disconnected = false, trouble.Of(e.err, "the stream cannot be followed", "see the log of the hub")
		f.repeat.Failed("stream", e.err.Error(), "the stream cannot be followed", zap.Error(e.err))
		return
	case e.bounds != nil:
		f.figures.Connected, f.figures.Disconnected, f.figures.Newest = true, trouble.Trouble{}, e.bounds.Last
		f.repeat.Recovered("stream", "the stream is followed again")
		return
	}
	switch {
	case e.restart && e.empty:
		f.compareAll(change.Epoch{}, false, backlog.Mark{Sequence: e.Sequence})
	case e.Err != nil:
		f.refuse(e.Delivery, e.restart)
	case e.restart || f.at.Known && e.Message.Epoch != f.at.Epoch:
		m := backlog.Mark{Sequence: e.Sequence, Generation: e.Message.Generation}
		f.compareAll(e.Message.Epoch, true, m)
	case f.at.Known && e.Message.Generation <= f.at.Taken.Generation:
		f.taken(backlog.Mark{Sequence: e.Sequence, Generation: f.at.Taken.Generation})
	default:
		m := backlog.Mark{Sequence: e.Sequence, Generation: e.Message.Generation}
		f.at.Epoch, f.at.Known = e.Message.Epoch, true
		for _, entry := range e.Message.Entries {
			if entry.State == change.Gone && f.opt.Tree.Deletions == edgexml.DeleteNone {
				f.figures.Kept++
				continue
			}
			f.backlog.Put(entry, m)
		}
		f.taken(m)
	}
}

func (f *Follower) taken(m backlog.Mark) {
	f.at.Taken = m
	f.clock.dirty = true
}

// compareAll has the whole tree compared, because what came before a message is not known.
func (f *Follower) compareAll(epoch change.Epoch, known bool, m backlog.Mark) {
	f.log.Info("the whole tree is compared with the source", zap.Uint64("sequence", m.Sequence))
	f.at.Epoch, f.at.Known = epoch, known
	f.taken(m)
	f.backlog.Put(change.Entry{State: change.Tree, Exact: true}, m)
}

// refuse leaves out a message that cannot be read. What it was about is found by a comparison,
// which removes nothing.
func (f *Follower) refuse(d Delivery, restart bool) {
	f.figures.Refused++
	f.repeat.Failed("message", "refused", "a message of the stream is refused", zap.Uint64("sequence", d.Sequence), zap.Error(d.Err))
	m := backlog.Mark{Sequence: d.Sequence, Generation: f.at.Taken.Generation}
	if restart {
		f.compareAll(f.at.Epoch, false, m)
		return
	}
	f.taken(m)
	f.clock.refused = true
}

// unsure has the tree compared from time to time when messages were refused.
func (f *Follower) unsure() {
	if !f.clock.refused || time.Since(f.clock.unsure) < unsureEvery {
		return
	}
	f.clock.refused, f.clock.unsure = false, time.Now()
	f.backlog.Put(change.Entry{State: change.Tree}, f.at.Taken)
}

// save writes the position, not too often.
func (f *Follower) save(now bool) {
	if !f.clock.dirty || !now && time.Since(f.clock.saved) < saveEvery || f.at.Directory.IsZero() {
		return
	}
	p := f.at
	p.Pending = f.backlog.Remember(remember)
	if now {
		p.Pending = f.backlog.Remember(f.backlog.Len())
	}
	f.clock.saved = time.Now()
	if err := f.opt.File.Save(p); err != nil {
		f.figures.Position = trouble.Of(err, "the position cannot be written", "see the log of this edge")
		f.repeat.Failed("position", err.Error(), "the position cannot be written", zap.Error(err))
		return
	}
	f.clock.dirty, f.figures.Position = false, trouble.Trouble{}
	f.repeat.Recovered("position", "the position is written again")
}

// drain waits for the runs that are under way, and stores the rest of the backlog.
func (f *Follower) drain() {
	f.flights.cancel()
	go func() {
		f.flights.wg.Wait()
		close(f.flights.landed)
	}()
	for l := range f.flights.landed {
		f.land(l)
	}
	f.tidy()
	f.clock.dirty = true
	f.save(true)
	f.say(0)
}
