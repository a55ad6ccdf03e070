package daemon

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// progress shows how far full syncs have come, on a terminal and in the
// foreground only: one line that is written over.
func (s *site) progress(ctx context.Context) error {
	file, ok := s.daemon.out.(*os.File)
	if !ok || s.daemon.child.Detached() {
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
			s.daemon.print("\r\x1b[K%s", text)
		}
	}
}

// progressLine adds up the lanes that are in a full sync; empty if none is.
func (s *site) progressLine(now time.Time) string {
	var lanes int
	var done, bytes int64
	for _, l := range s.lanes {
		if p := l.Snapshot(now).Progress; p != nil {
			lanes, done, bytes = lanes+1, done+p.Done, bytes+p.Bytes
		}
	}
	if lanes == 0 {
		return ""
	}
	return fmt.Sprintf("full sync of %d lanes: %d entries, %d bytes sent", lanes, done, bytes)
}
