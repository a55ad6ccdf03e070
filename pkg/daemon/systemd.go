package daemon

import (
	"context"
	"fmt"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/status"
)

// statusEvery is how often the service manager's status text is renewed.
const statusEvery = 10 * time.Second

// ready tells the service manager that the site watches; without one nothing
// happens (sd_notify(3)).
func (d *Daemon) ready() {
	d.watching.Store(true)
	_, _ = systemd.SdNotify(false, systemd.SdNotifyReady)
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
	level, text := status.Overall(d.Snapshot())
	sent, _ := systemd.SdNotify(false, fmt.Sprintf("STATUS=%s: %s", level, text))
	d.noManager = !sent
	if watchdog {
		_, _ = systemd.SdNotify(false, systemd.SdNotifyWatchdog)
	}
}
