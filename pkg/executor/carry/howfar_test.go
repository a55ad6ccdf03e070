package carry

import (
	"testing"

	"github.com/sersync/sersync/pkg/status"
	"github.com/sersync/sersync/pkg/transport"
)

func TestHowFar(t *testing.T) {
	run := FullRun{About: 100, Progress: func(status.Progress) {}}
	h := run.howFar(0)
	at := func(done, total int64) {
		t.Helper()
		if h.p.Done != done || h.p.Total != total {
			t.Errorf("%d of %d, want %d of %d", h.p.Done, h.p.Total, done, total)
		}
	}
	at(0, 100)
	h.changed(transport.Change{Size: 5}) // an rsync that does not report its progress
	at(1, 100)
	h.listed(transport.Progress{Checked: 50, Known: 80})
	at(50, 100)
	h.listed(transport.Progress{Checked: 60, Known: 120}) // the tree has more entries than the last time
	at(60, 120)
	h.changed(transport.Change{Size: 5})
	at(60, 120)
	h.listed(transport.Progress{Checked: 70, Known: 90, Whole: true}) // the tree has fewer entries than the last time
	at(70, 90)
	if h.p.Bytes != 10 {
		t.Errorf("%d bytes", h.p.Bytes)
	}
	run.About = 0
	h = run.howFar(0)
	h.listed(transport.Progress{Checked: 50, Known: 80}) // the total is not known
	at(50, 0)
	h = run.howFar(7)
	at(0, 7)
}
