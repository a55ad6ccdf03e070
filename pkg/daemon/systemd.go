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
	d.manager.say(systemd.SdNotifyReady + "\n" + d.statusText())
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
	d.manager.say(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", systemd.SdNotifyReloading, now.Nano()/1000))
}

// notifySystemd sends the queued messages to the service manager, renews the status text and feeds
// the watchdog until ctx ends. For the watchdog a snapshot of every lane is taken first, so that a
// lane that no longer answers is noticed.
func (d *Daemon) notifySystemd(ctx context.Context) error {
	every := statusEvery
	watchdog, err := systemd.SdWatchdogEnabled(false)
	if err == nil && watchdog > 0 {
		every = min(every, watchdog/2)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	again := time.NewTimer(sayAgain)
	defer again.Stop()
	for {
		var further []string
		select {
		case <-ctx.Done():
			_ = d.manager.deliver(leaveLimit, systemd.SdNotifyStopping)
			return nil
		case <-d.manager.wake:
		case <-again.C:
		case <-tick.C:
			further = d.signsOfLife(watchdog > 0)
		}
		if d.tellManager(further) {
			again.Reset(sayAgain)
		}
	}
}

// signsOfLife are the messages that are sent from time to time.
func (d *Daemon) signsOfLife(watchdog bool) []string {
	if d.manager.address == "" {
		return nil
	}
	signs := []string{d.statusText()}
	if watchdog {
		signs = append(signs, systemd.SdNotifyWatchdog)
	}
	return signs
}

// tellManager delivers the queued messages and the further ones, and tells whether to try again: a
// manager that cannot be reached at the moment may exist all the same, for it executes itself again
// when it is upgraded.
func (d *Daemon) tellManager(further []string) (again bool) {
	err := d.manager.deliver(sayLimit, further...)
	if err != nil && !d.manager.unreached {
		d.log.Warn("service manager cannot be reached", zap.Error(err))
	}
	d.manager.unreached = err != nil
	return err != nil
}
