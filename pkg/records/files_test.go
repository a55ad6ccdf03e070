package records

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/audit"
	"github.com/sersync/sersync/pkg/failqueue"
	"github.com/sersync/sersync/pkg/ledger"
)

// TestDeletionsAreRecorded: the log has the deletions of each lane, in their order.
func TestDeletionsAreRecorded(t *testing.T) {
	dir := t.TempDir()
	log, err := audit.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	told := &outcomes{}
	d := NewDeletions(log, NewDisk(), told.tell)
	d.Lane("a")(audit.CauseEvent, []string{"x", "y"})
	d.Lane("b")(audit.CauseEvent, []string{"z"})
	d.Finish(t.Context())
	if told.last() != nil {
		t.Error(told.last())
	}
	found, err := d.Recent("a", 10)
	if err != nil || len(found) != 2 || found[0].Lane != "a" {
		t.Errorf("%+v, %v", found, err)
	}
	d.Close(t.Context())
}

// TestDeletionsThatFindNoPlace: a log that does not answer gets no more memory than its bound;
// further deletions are counted.
func TestDeletionsThatFindNoPlace(t *testing.T) {
	log, err := audit.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	told := &outcomes{}
	d := NewDeletions(log, NewDisk(), told.tell)
	d.Lane("a")(audit.CauseEvent, make([]string, maxUnrecorded+3))
	if len(d.queue) != maxUnrecorded {
		t.Errorf("%d wait", len(d.queue))
	}
	d.Finish(t.Context())
	if err := told.last(); !errors.Is(err, ErrSlow) || !strings.HasPrefix(err.Error(), "3 deletions not recorded") {
		t.Errorf("told: %v", err)
	}
	d.Close(t.Context())
}

// TestFailLog: the script shows the newest list of each lane.
func TestFailLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fail.sh")
	told := &outcomes{}
	f := NewFailLog(path, NewDisk(), told.tell, zap.NewNop())
	first, second := failqueue.Entry{Dir: "/d", Argv: []string{"rsync", "one"}}, failqueue.Entry{Dir: "/d", Argv: []string{"rsync", "two"}}
	f.Lane("a")([]failqueue.Entry{first})
	f.Lane("a")([]failqueue.Entry{second})
	f.Lane("b")([]failqueue.Entry{first})
	f.Finish(t.Context())
	f.Close(t.Context())
	text, err := os.ReadFile(path)
	if err != nil || told.last() != nil {
		t.Fatal(err, told.last())
	}
	if strings.Count(string(text), "rsync one") != 1 || strings.Count(string(text), "rsync two") != 1 {
		t.Errorf("%s", text)
	}
}

// TestLedgers: after a restart it is known what a lane has sent; where no state is kept nothing is
// written.
func TestLedgers(t *testing.T) {
	dir := t.TempDir()
	told := &outcomes{}
	l := NewLedgers(dir, NewDisk(), told.tell)
	v := ledger.Version{}
	l.Of("a").Add([]ledger.Version{v})
	l.Finish(t.Context())
	if told.last() != nil {
		t.Error(told.last())
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
	if NewLedgers("", NewDisk(), told.tell).Of("a") != nil {
		t.Error("a ledger without a place")
	}
}
