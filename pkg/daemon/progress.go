package daemon

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/status"
)

// progress shows how far full syncs have come, on a terminal and in the
// foreground only: one line that is written over.
func (s *site) progress(ctx context.Context) error {
	file, ok := s.daemon.lines.out.(*os.File)
	if !ok || s.daemon.opt.Child.Detached() {
		return nil
	}
	if _, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ); err != nil {
		return nil
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	shown := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			text := s.progressLine(now)
			if text == "" && !shown {
				continue
			}
			shown = text != ""
			s.daemon.lines.print("\r\x1b[K%s", text)
		}
	}
}

// progressLine adds up the lanes that are in a full sync; empty if none is.
func (s *site) progressLine(now time.Time) string {
	var lanes int
	var all status.Progress
	known := true
	for _, l := range s.lanes {
		p := l.Snapshot(now).Progress
		if p == nil {
			continue
		}
		lanes++
		all.Done, all.Total, all.Bytes = all.Done+p.Done, all.Total+p.Total, all.Bytes+p.Bytes
		known = known && p.Total > 0
		if p.Until.After(all.Until) {
			all.Until = p.Until
		}
	}
	if lanes == 0 {
		return ""
	}
	text := fmt.Sprintf("full sync of %d lanes: %d", lanes, all.Done)
	if known {
		text += fmt.Sprintf(" of %d", all.Total)
	}
	text += fmt.Sprintf(" entries, %d bytes sent", all.Bytes)
	if !all.Until.IsZero() {
		text += ", about " + status.Span(all.Until.Sub(now), status.English) + " left"
	}
	return text
}
