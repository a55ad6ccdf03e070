package statusclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sersync/sersync/pkg/status"
)

// The exit statuses of Verify besides status.NotRunning.
const (
	verifyEqual   = 0
	verifyDiffers = 1 // or could not be found out
)

// Verify has the named lanes (or watch roots; "" is every lane) compared with
// their targets, waits for the end and writes what was found, in JSON as
// --status does. It returns the program's exit status: 0 when nothing differs.
func Verify(ctx context.Context, c *Client, names []string, json bool, out, errOut io.Writer) int {
	s, err := c.verify(ctx, names)
	if err == nil {
		err = writeVerified(out, s, json)
	}
	if err != nil {
		_, _ = fmt.Fprintln(errOut, "sersync:", status.Printable(err.Error()))
		if errors.Is(err, ErrNotRunning) {
			return int(status.NotRunning)
		}
		return verifyDiffers
	}
	for _, l := range s.Lanes {
		if !l.Verify.Equal() {
			return verifyDiffers
		}
	}
	return verifyEqual
}

// verify returns the status with the compared lanes only; each has a Verify.
func (c *Client) verify(ctx context.Context, names []string) (s status.Snapshot, err error) {
	if s, err = c.Status(ctx); err != nil {
		return s, err
	}
	before := map[string]time.Time{}
	for _, l := range s.Lanes {
		if l.Verify != nil {
			before[l.ID] = l.Verify.Time
		}
	}
	for _, name := range names {
		if err := c.Act(ctx, status.Verify, name); err != nil {
			return s, err
		}
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		if s, err = c.Status(ctx); err != nil {
			return s, err
		}
		s.Lanes = slices.DeleteFunc(s.Lanes, func(l status.Lane) bool { return !named(l, names) })
		done, err := verified(s.Lanes, before)
		if done || err != nil {
			return s, err
		}
		select {
		case <-ctx.Done():
			return s, fmt.Errorf("wait for the comparison: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

func named(l status.Lane, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return n == "" || n == l.ID || n == l.Root })
}

// verified tells whether every lane has a newer comparison than before; the
// error is a lane that can have none now.
func verified(lanes []status.Lane, before map[string]time.Time) (done bool, err error) {
	done = true
	for _, l := range lanes {
		if l.Verify != nil && l.Verify.Time.After(before[l.ID]) {
			continue
		}
		done = false
		switch l.State {
		case status.LanePaused:
			err = fmt.Errorf("%s is paused: --resume it first", l.ID)
		case status.LaneBackingOff:
			err = fmt.Errorf("%s cannot be compared now: %s; %s", l.ID, l.Reason, l.Remedy)
		}
	}
	return done, err
}

func writeVerified(out io.Writer, s status.Snapshot, json bool) error {
	if json {
		b, err := status.Encode(s)
		if err == nil {
			_, err = out.Write(append(b, '\n'))
		}
		return err
	}
	for _, l := range s.Lanes {
		if _, err := fmt.Fprintf(out, "%s: %s\n", status.Printable(l.ID), verdict(*l.Verify)); err != nil {
			return err
		}
		for _, n := range l.Verify.Names {
			if _, err := fmt.Fprintf(out, "  %s\n", status.Printable(n)); err != nil {
				return err
			}
		}
	}
	return nil
}

func verdict(v status.Comparison) string {
	switch {
	case v.Error != "":
		return "not compared: " + status.Printable(v.Error)
	case v.Equal():
		return "no difference"
	}
	text := fmt.Sprintf("%d differing, %d only on the target", v.Differing, v.OnlyOnTarget)
	if v.Differing > len(v.Names) {
		text += fmt.Sprintf("; the first %d:", len(v.Names))
	}
	return text
}
