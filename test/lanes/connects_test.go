package lanes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/transport/rsync/session"
)

// When the program starts the runs wait for the connection of their lane instead of making
// connections of their own: an sshd refuses too many at once.
func TestLanesToOneSSHDMakeOneConnectionEach(t *testing.T) {
	testkit.Long(t)
	s := testkit.Sshd(t, "LogLevel VERBOSE")
	t.Setenv("PATH", s.Bin+":"+os.Getenv("PATH"))
	const lanes = 6
	var beds []*bed
	sockets, connects := t.TempDir(), session.NewConnects()
	for i := range lanes {
		dir := filepath.Join(s.Dir, fmt.Sprint("t", i))
		b := newBed(t, with{options: func(o *setup) {
			o.Way.Target.SSH, o.Way.Target.Port, o.Way.Target.Name = true, 0, dir
			o.Way.ControlPath = filepath.Join(sockets, fmt.Sprint(i))
			o.Way.Standby, o.Way.Connects = true, connects
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
