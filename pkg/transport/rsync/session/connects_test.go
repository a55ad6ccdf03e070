package session

import (
	"testing"
	"time"

	"github.com/sersync/sersync/pkg/transport/rsync"
)

func TestConnectionsToOneAddressAreSpaced(t *testing.T) {
	c := NewConnects()
	one := c.address(rsync.Target{Host: "192.0.2.1", Name: "a"})
	if same := c.address(rsync.Target{Host: "192.0.2.1", Name: "b", Port: 873}); same != one {
		t.Error("two modules of one daemon have two addresses")
	}
	for name, target := range map[string]rsync.Target{
		"host": {Host: "192.0.2.2", Name: "a"}, "port": {Host: "192.0.2.1", Name: "a", Port: 874}, "sshd": {Host: "192.0.2.1", Name: "/a", SSH: true},
	} {
		if c.address(target) == one {
			t.Errorf("another %s has the same address", name)
		}
	}

	now := time.Now()
	if at := one.turn(now); !at.Equal(now) {
		t.Errorf("the first one waits for %v", at.Sub(now))
	}
	for i := range 50 {
		if at, want := one.turn(now), now.Add(time.Duration(i+1)*aheadPause); at.Sub(want).Abs() > time.Millisecond {
			t.Fatalf("the turn of %d is after %v, want %v", i, at.Sub(now), want.Sub(now))
		}
	}
	for i := range runsAtOnce {
		if !one.runs.AllowN(now, 1) {
			t.Errorf("run %d waits behind what is only started ahead", i)
		}
	}
	if one.runs.AllowN(now, 1) {
		t.Error("runs are not spaced")
	}
}
