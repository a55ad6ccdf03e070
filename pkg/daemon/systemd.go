package daemon

import (
	"context"
	"fmt"
	"strings"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/status"
)

// statusEvery is how often the service manager's status text is renewed.
const statusEvery = 10 * time.Second

// ready tells the service manager that the site watches; without one nothing
// happens (sd_notify(3)).
func (d *Daemon) ready() {
	d.watching.Store(true)
	_, _ = systemd.SdNotify(false, systemd.SdNotifyReady+"\n"+d.statusText())
}

// statusText is the state in one line, for the service manager.
func (d *Daemon) statusText() string {
	level, text := status.Overall(d.Snapshot())
	return fmt.Sprintf("STATUS=%s: %s", level, strings.ReplaceAll(text, "\n", " ")) // a line is an assignment
}

// reloading tells the service manager that a reload has begun; READY ends it.
func (d *Daemon) reloading() {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	_, _ = systemd.SdNotify(false, fmt.Sprintf("%s\nMONOTONIC_USEC=%d", systemd.SdNotifyReloading, now.Nano()/1000))
}

// notifySystemd keeps the status text and the watchdog fed. The watchdog's
// sign of life comes from a snapshot of every lane: a lane that no longer
// answers must not be covered up.
func (d *Daemon) notifySystemd(ctx context.Context) error {
	every := statusEvery
	watchdog, err := systemd.SdWatchdogEnabled(false)
	if err == nil && watchdog > 0 {
		every = min(every, watchdog/2)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			_, _ = systemd.SdNotify(false, systemd.SdNotifyStopping)
			return nil
		case <-tick.C:
			d.alive(watchdog > 0)
		}
	}
}

func (d *Daemon) alive(watchdog bool) {
	if d.noManager {
		return
	}
	sent, err := systemd.SdNotify(false, d.statusText())
	// A manager that cannot be reached at this moment (it executes itself again
	// when it is upgraded) is none that does not exist: it will miss the sign of
	// life.
	d.noManager = !sent && err == nil
	if err != nil && !d.unreached {
		d.log.Warn("service manager cannot be reached", zap.Error(err))
	}
	d.unreached = err != nil
	if watchdog {
		_, _ = systemd.SdNotify(false, systemd.SdNotifyWatchdog)
	}
}
