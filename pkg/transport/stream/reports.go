package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/stream"
)

const (
	// readEvery is how often new reports are read. Each edge reports at its own time. If the
	// hub passed on each report by itself, each would wake this program: with a thousand edges
	// that would be most of the processor time that a change costs here.
	readEvery = 2 * time.Second
	// allEvery is how often all reports are read again. A hub that has lost its bucket counts
	// its sequences from 1 again, and reports with a sequence below next would not be read.
	allEvery = time.Minute
	// page is how many reports one answer holds at most, and pageBytes how many bytes.
	page      = 1024
	pageBytes = 1 << 20
)

// report is what stands under the key of an edge.
type report struct {
	edge string
	data []byte
	gone bool      // the key was removed
	at   time.Time // when the hub took it in
}

// reports reads what edges have reported about a tree, what is new from time to time.
type reports struct {
	conn *nats.Conn
	tree string
	take func(report)
	log  *zap.Logger

	next   uint64 // sequence in the bucket
	failed bool   // the last reading has failed
}

// run reads until the context ends. After an error it reads again at the next tick. The log
// has one line when reading begins to fail, and one when it works again.
func (r *reports) run(ctx context.Context) {
	tick := time.NewTicker(readEvery)
	defer tick.Stop()
	var all time.Time
	for {
		if time.Since(all) >= allEvery {
			all, r.next = time.Now(), 1
		}
		err := r.read(ctx)
		if err != nil {
			all = time.Time{}
		}
		if ctx.Err() == nil {
			r.tell(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tell logs that reading begins to fail, or works again.
func (r *reports) tell(err error) {
	switch {
	case err != nil && !r.failed:
		r.log.Warn("how far the edges are is not known: their reports cannot be read; a NATS server of your own has to be 2.11 or newer, "+
			"and to let the source's key read the bucket", zap.String("tree", r.tree), zap.String("bucket", stream.Reports), zap.Error(err))
	case err == nil && r.failed:
		r.log.Info("the reports of edges can be read again", zap.String("tree", r.tree))
	}
	r.failed = err != nil
}

// read takes all reports from the next one on.
func (r *reports) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	inbox := r.conn.NewInbox()
	answers := make(chan *nats.Msg, page+1)
	sub, err := r.conn.ChanSubscribe(inbox, answers)
	if err != nil {
		return fmt.Errorf("read the reports of edges: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	for more := true; more; {
		request, err := json.Marshal(stream.Get{Sequence: r.next, Batch: page, MaxBytes: pageBytes, Subject: stream.ReportsOf(r.tree)})
		if err != nil {
			return err
		}
		if err := r.conn.PublishRequest(stream.GetReports(), inbox, request); err != nil {
			return fmt.Errorf("read the reports of edges: %w", err)
		}
		if more, err = r.page(ctx, answers); err != nil {
			return err
		}
	}
	return nil
}

// page takes the answer to one question, and tells whether there is more.
func (r *reports) page(ctx context.Context, answers <-chan *nats.Msg) (more bool, err error) {
	for {
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("read the reports of edges: %w", ctx.Err())
		case m := <-answers:
			switch status := m.Header.Get(stream.HeaderStatus); status {
			case "":
				r.one(m)
			case stream.EndOfBatch:
				return m.Header.Get(stream.HeaderPending) != "0", nil
			case stream.NotFound:
				return false, nil
			default:
				return false, errors.New("read the reports of edges: the hub says " + status)
			}
		}
	}
}

// one takes one report.
func (r *reports) one(m *nats.Msg) {
	sequence, err := strconv.ParseUint(m.Header.Get(stream.HeaderSequence), 10, 64)
	if err != nil {
		return // not from the bucket
	}
	r.next = sequence + 1
	at, err := time.Parse(time.RFC3339Nano, m.Header.Get(stream.HeaderTime))
	if err != nil {
		return
	}
	edge := stream.Reporter(m.Header.Get(stream.HeaderSubject), r.tree)
	r.take(report{edge: edge, data: m.Data, gone: m.Header.Get(stream.HeaderOperation) != "", at: at})
}
