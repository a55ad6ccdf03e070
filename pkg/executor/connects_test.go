package executor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/rsync"
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

// A lane that waits for its turn sends without a standby meanwhile, and gets one.
func TestAStandbyWaitsForItsTurn(t *testing.T) {
	c := NewConnects()
	b := newBed(t, with{options: func(o *Options) {
		o.Standby, o.Connects = true, c
		for range 30 {
			c.address(o.Target).turn(time.Now())
		}
	}})
	b.write("before", "1")
	b.arrives("before", "1")
	testkit.Eventually(t, patient, "a standby waits", b.standby.waits)
	b.write("after", "2")
	b.equal()
}

// At a start the runs wait for the lane's connection, instead of making their
// own beside it: an sshd turns away what is too much at once.
func TestLanesToOneSSHDMakeOneConnectionEach(t *testing.T) {
	s := testkit.Sshd(t, "LogLevel VERBOSE")
	t.Setenv("PATH", s.Bin+":"+os.Getenv("PATH"))
	const lanes = 6
	var beds []*bed
	sockets, connects := t.TempDir(), NewConnects()
	for i := range lanes {
		dir := filepath.Join(s.Dir, fmt.Sprint("t", i))
		b := newBed(t, with{options: func(o *Options) {
			o.Target.SSH, o.Target.Port, o.Target.Name = true, 0, dir
			o.ControlPath = filepath.Join(sockets, fmt.Sprint(i))
			o.Standby, o.Connects = true, connects
		}})
		b.dst = dir
		beds = append(beds, b)
	}
	for _, b := range beds {
		b.write("f", "1")
	}
	for _, b := range beds {
		b.arrives("f", "1")
	}
	if n := strings.Count(s.Log(), "Connection from"); n >= 2*lanes {
		t.Errorf("%d lanes made %d connections", lanes, n)
	}
}
