package stream

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/fstree"
	"github.com/sersync/sersync/pkg/stream"
	"github.com/sersync/sersync/pkg/stream/dial"
	"github.com/sersync/sersync/pkg/transport"
	"github.com/sersync/sersync/pkg/transport/rsync"
)

// Options configure a Publisher. They are immutable.
type Options struct {
	Tree string   // the name of the tree on the hub
	Way  dial.Way // to the hub
	// Limits of the stream, set when it is made and when they differ.
	Limits Limits
	// Dir is the watch root. Root opens it; nil while it is gone, or while something
	// else stands at its path. The caller closes it.
	Dir  string
	Root func() *fstree.Root
	// Held says why nothing may be deleted at a path, or "".
	Held func(path string) string
	// Host is this host's name, and Source a unique name that is stored in this program's state
	// directory; empty: none is stored. The tree belongs to whoever has claimed it under the same
	// Source, or from the same Dir of the same Host.
	Host, Source string
	Logger       *zap.Logger
}

// Publisher is a transport.Transport by a stream.
type Publisher struct {
	opt   Options
	log   *zap.Logger
	link  link
	edges *edges
	sent  recent
}

var _ transport.Transport = (*Publisher)(nil)

// New returns a publisher that has connected to nothing yet.
func New(opt Options) *Publisher {
	p := &Publisher{opt: opt, log: opt.Logger, edges: newEdges(opt.Tree)}
	p.link = link{opt: opt, log: opt.Logger, edges: p.edges, sent: &p.sent}
	return p
}

// Capabilities are those of a stream: it lists nothing and compares nothing.
func Capabilities() transport.Capabilities {
	return transport.Capabilities{NoList: true, NoChecksum: true, Grain: transport.GrainNanosecond}
}

// Unasked is why the edges of a stream are not asked what they have.
const Unasked = "the edges of a stream are not asked from here"

// askEdges is the remedy beside Unasked.
const askEdges = "see with sersync-hub list how far each edge is, or ask the edge itself"

// Do implements transport.Transport.
func (p *Publisher) Do(ctx context.Context, c transport.Call) (transport.Trip, error) {
	began := time.Now()
	result, err := p.do(ctx, c, began)
	ended := time.Now()
	result.Took = ended.Sub(began)
	return transport.Trip{Result: result, Ended: ended}, err
}

func (p *Publisher) do(ctx context.Context, c transport.Call, began time.Time) (transport.Result, error) {
	if err := ctx.Err(); err != nil {
		return transport.Result{}, err
	}
	if c.Start != nil {
		if err := c.Start(ctx); err != nil {
			return transport.Result{}, err
		}
	}
	if c.Batch.Verify || c.Batch.Kind == transport.Times || c.Batch.Kind == transport.Stamps {
		return transport.Result{Class: transport.Refused, Reason: Unasked, Remedy: askEdges}, nil
	}
	root := p.opt.Root()
	if root == nil {
		return transport.Result{}, transport.ErrRootGone
	}
	defer root.Close()
	if c.Batch.Kind == transport.Survey {
		return transport.Result{}, nil // the Full before it has every edge compare
	}
	line, err := p.link.line(ctx)
	if err != nil {
		return trouble(ctx, err), nil
	}
	b := newBatch(ctx, p, root, line, &c, began)
	defer b.looker.Close()
	b.fill()
	if err := b.end(); err != nil {
		p.link.failed(line, err)
		return trouble(ctx, err), nil
	}
	return b.result(), nil
}

// trouble is the result of a batch that the hub has not accepted.
func trouble(ctx context.Context, err error) transport.Result {
	if ctx.Err() != nil {
		return transport.Result{Class: transport.Stopped}
	}
	r := transport.Result{Class: transport.Trouble, Detail: err.Error()}
	r.Reason, r.Remedy = Explain(err)
	return r
}

// Explain says why a tree cannot be published, and what to do, each in one line for
// people.
func Explain(err error) (reason, remedy string) {
	var clash *ClaimedError
	var unfit *UnfitError
	switch {
	case errors.As(err, &clash):
		return clash.Reason(), clash.Remedy()
	case errors.As(err, &unfit):
		return "the stream exists, but its settings do not fit", unfit.Remedy()
	}
	return dial.Explain(err)
}

// Probe implements transport.Transport.
func (p *Publisher) Probe(ctx context.Context) error {
	line, err := p.link.line(ctx)
	if err != nil {
		return err
	}
	if err := line.answers(ctx); err != nil {
		p.link.failed(line, err)
		return err
	}
	return nil
}

// Release implements transport.Transport.
func (p *Publisher) Release(context.Context) transport.Release {
	return transport.Release{ComparesSameSecond: true}
}

// KeepConnection implements transport.Transport. The connection is made by the first
// batch, and stays.
func (p *Publisher) KeepConnection(context.Context, time.Time) {}

// KeepStandby implements transport.Transport. Nothing has to be started for a batch.
func (p *Publisher) KeepStandby(context.Context, time.Time, transport.Batch, bool) {}

// Waits implements transport.Transport.
func (p *Publisher) Waits() bool { return false }

// Due implements transport.Transport.
func (p *Publisher) Due(bool) time.Time { return time.Time{} }

// Down implements transport.Transport.
func (p *Publisher) Down(transport.Result) {}

// Up implements transport.Transport.
func (p *Publisher) Up() {}

// Drop implements transport.Transport.
func (p *Publisher) Drop() {}

// Leave implements transport.Transport.
func (p *Publisher) Leave() {}

// Close implements transport.Transport.
func (p *Publisher) Close() { p.link.close() }

// sends is how many batches should be under way at a time: one reads files while the other waits
// for the hub.
const sends = 2

// Terms implements transport.Transport.
func (p *Publisher) Terms() transport.Terms {
	return transport.Terms{
		Remote: Remote(p.opt.Tree), Links: true, Devices: true, Specials: true, Times: true, Sends: sends,
		Comparing: transport.Comparing{ModifyWindow: true},
		Matcher:   func(patterns []string) func(string, bool) bool { return rsync.RulesOf(patterns).Excludes },
		Silence:   transport.Silence{Unasked: Unasked, UnaskedRemedy: askEdges},
	}
}

// Remote is the remote of a lane to a stream as users read it.
func Remote(tree string) string { return "stream:" + tree }

// ByHand implements transport.Transport: a person has the path published by touching it.
func (p *Publisher) ByHand(_ transport.Batch, path string) []string {
	return []string{"touch", "-c", "-h", "./" + path}
}

// Command implements transport.Transport.
func (p *Publisher) Command(b transport.Batch) string {
	return "publish " + b.Kind.String() + " to " + stream.Subjects(p.opt.Tree) + " at " + p.opt.Way.URL
}

// Edges are the edges that have reported about the tree, as of now.
func (p *Publisher) Edges(now time.Time) Edges { return p.edges.snapshot(now) }

// Published is the generation of the last message about a path. If exact is false it is only known
// that no later message was about the path.
func (p *Publisher) Published(path string) (generation uint64, exact bool) { return p.sent.of(path) }

// generations gives each message its number, in the order in which messages are
// published.
type generations struct {
	mu   sync.Mutex
	last uint64
}
