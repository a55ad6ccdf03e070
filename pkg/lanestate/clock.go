package lanestate

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// clockTolerance is the size of a backward step that does no harm: the
// watermark's margin is far larger. NTP clients step by less in daily use.
const clockTolerance = time.Second

// Clock is a reading of the host's clocks, so that a later reading tells
// whether wall time can be compared with it.
type Clock struct {
	Now    time.Time `json:"now"`     // CLOCK_REALTIME, which ctime follows
	BootID string    `json:"boot_id"` // changes with every boot
	// Offset is Now minus the time since boot (CLOCK_BOOTTIME, which goes on
	// while the host sleeps). Only setting the clock changes it.
	Offset time.Duration `json:"offset"`
}

// ReadClock reads the clocks of this host.
func ReadClock() (Clock, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Clock{}, fmt.Errorf("boot id: %w", err)
	}
	var boot, wall unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot); err != nil {
		return Clock{}, fmt.Errorf("read CLOCK_BOOTTIME: %w", err)
	}
	if err := unix.ClockGettime(unix.CLOCK_REALTIME, &wall); err != nil {
		return Clock{}, fmt.Errorf("read CLOCK_REALTIME: %w", err)
	}
	return Clock{
		Now:    time.Unix(wall.Unix()).UTC(),
		BootID: strings.TrimSpace(string(id)),
		Offset: time.Duration(wall.Nano() - boot.Nano()),
	}, nil
}

// SteppedBack reports whether the clock is known to have been set back between
// the reading since and c. Within one boot the offsets tell. Another boot must
// have begun after since, so wall time at its beginning tells. A step back that
// was made up for, or that is shorter than the host was off, leaves no trace.
func (c Clock) SteppedBack(since Clock) bool {
	earliest := since.Now.Add(-clockTolerance)
	if c.Now.Before(earliest) || c.Offset < since.Offset-clockTolerance {
		return true
	}
	booted := time.Unix(0, int64(c.Offset))
	return c.BootID != since.BootID && booted.Before(earliest)
}
