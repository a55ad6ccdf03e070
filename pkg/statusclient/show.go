package statusclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/sersync/sersync/pkg/status"
)

// Options say what Show does.
type Options struct {
	Socket string
	JSON   bool // print the answer of /api/status instead of a table
	// Wait polls until everything is in sync, at most for Timeout; 0 waits for
	// ever.
	Wait    bool
	Timeout time.Duration
	Render  status.RenderOptions
	Out     io.Writer // the status
	Err     io.Writer // what went wrong, one line
}

// poll is how often Wait asks; quiet is for how long nothing may be on its way before Wait ends,
// because a change that was made a moment ago may still be in the kernel's event queue.
const (
	poll  = 250 * time.Millisecond
	quiet = 500 * time.Millisecond
)

// Show prints the status and returns the exit status of the program: 0 in sync, 1 lagging, 2
// failing, 3 not running. A program that runs but does not answer is failing. With Wait, 0 means
// that every change made before the call is on every remote. Wait also ends when no change is on
// its way any more but a remote still differs; the exit status says so.
func Show(ctx context.Context, opts Options) int {
	c := New(opts.Socket)
	var (
		answer []byte
		err    error
		late   bool
	)
	if opts.Wait {
		answer, late, err = c.wait(ctx, opts.Timeout)
	} else {
		answer, err = c.StatusJSON(ctx)
	}
	if err != nil {
		return explain(opts, err)
	}
	var s status.Snapshot
	if err := json.Unmarshal(answer, &s); err != nil {
		return explain(opts, fmt.Errorf("ask %s: %w", opts.Socket, err))
	}
	localize(&s, opts.Render.Lang)
	if opts.JSON {
		_, err = opts.Out.Write(answer)
	} else {
		err = status.Render(opts.Out, s, opts.Render)
	}
	if err != nil {
		return explain(opts, err)
	}
	level, _ := status.Overall(s)
	if late {
		fmt.Fprintf(opts.Err, "sersync: not everything is in sync after %v\n", opts.Timeout)
		level = max(level, status.Lagging)
	}
	return int(level)
}

// explain says what went wrong, and what to do, and returns the exit status.
// The verdict is the first line of the output, which is what a monitoring system
// shows; beside JSON it is on Err.
func explain(opts Options, err error) int {
	level, remedy := status.Failing, "look at the log of sersync"
	switch {
	case errors.Is(err, ErrNotRunning):
		level, remedy = status.NotRunning, "start it, or name its configuration file with -o"
	case errors.Is(err, ErrNoConfig):
		level, remedy = status.NotRunning, "name its configuration file with -o"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, ErrForeign):
		level, remedy = status.NotRunning, "ask as root or as the user that sersync runs as"
	}
	text := fmt.Sprintf("%s; %s", status.Printable(err.Error()), say(remedy, opts.Render.Lang))
	if !opts.JSON {
		fmt.Fprintf(opts.Out, "%s: %s\n", level.In(opts.Render.Lang), text)
		return int(level)
	}
	fmt.Fprintln(opts.Err, "sersync:", text)
	b, merr := json.Marshal(map[string]any{"overall": map[string]any{"level": level, "state": level.String(), "text": err.Error()}})
	if merr == nil {
		fmt.Fprintf(opts.Out, "%s\n", b)
	}
	return int(level)
}

// Explain is Show for the case that, because of err, the socket to ask is not known.
func Explain(opts Options, err error) int {
	return explain(opts, fmt.Errorf("%w: %w", ErrNoConfig, err))
}

// wait asks until nothing has been on its way for quiet without a run in between. late is true when
// the timeout has passed before that.
func (c *Client) wait(ctx context.Context, timeout time.Duration) (answer []byte, late bool, err error) {
	var deadline <-chan time.Time
	if timeout > 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		deadline = t.C
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	row := row{begin: time.Now()}
	for {
		answer, err = c.StatusJSON(ctx)
		if err != nil {
			return nil, false, err
		}
		var s status.Snapshot
		if err := json.Unmarshal(answer, &s); err != nil {
			return nil, false, fmt.Errorf("ask %s: %w", c.socket, err)
		}
		if row.done(s) {
			return answer, false, nil
		}
		select {
		case <-ctx.Done():
			return nil, false, fmt.Errorf("wait for sync: %w", ctx.Err())
		case <-deadline:
			return answer, true, nil
		case <-tick.C:
		}
	}
}

// row is an unbroken row of answers that say that nothing is on its way.
type row struct {
	begin time.Time // older answers do not know of the latest changes
	since time.Time // Now of the first answer in the row; zero: none
	runs  uint64    // rsync runs at that time
}

// done takes one more answer and says whether the row is long enough.
func (r *row) done(s status.Snapshot) bool {
	var runs uint64
	for _, l := range s.Lanes {
		runs += l.Runs
	}
	if !status.AtRest(s) || s.Now.Before(r.begin) {
		r.since = time.Time{}
		return false
	}
	if r.since.IsZero() || runs != r.runs {
		r.since, r.runs = s.Now, runs
	}
	return s.Now.Sub(r.since) >= quiet
}
