package notes

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/records"
)

func TestWriteRemedies(t *testing.T) {
	for err, want := range map[error]string{
		records.ErrSlow: "look at the disk", unix.ENOSPC: "free space", unix.EDQUOT: "free space", unix.EROFS: "for writing",
		unix.EACCES: "let the user of sersync write", errors.New("x"): "let the user of sersync write",
	} {
		if got := writeRemedy(err, "/p", "<q>"); !strings.Contains(got, want) || !strings.Contains(got, "<q>") {
			t.Errorf("%v: %q", err, got)
		}
	}
}

// TestNotes: the list shows the newest reason and the time of the first one. The log shows the
// beginning and the end, and each answer to a person.
func TestNotes(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	n := New(zap.New(core))
	n.Begin("disk", "first", "free space")
	began := n.All()[0].Since
	n.Begin("disk", "second", "free space")
	if all := n.All(); len(all) != 1 || all[0].Reason != "second" || !all[0].Since.Equal(began) {
		t.Errorf("%+v", all)
	}
	for range 2 {
		n.Refused("reload", errors.New("line 3"), "correct it")
	}
	var subjects []string
	for _, note := range n.All() {
		subjects = append(subjects, note.Subject)
	}
	if !slices.Equal(subjects, []string{"disk", "reload"}) {
		t.Errorf("not the oldest first: %q", subjects)
	}
	n.End("disk")
	n.End("disk")
	n.End("reload")
	if all := n.All(); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	for message, want := range map[string]int{"disk": 1, "reload": 2, "over: disk": 1, "over: reload": 1} {
		if got := logs.FilterMessage(message).Len(); got != want {
			t.Errorf("%q is logged %d times, want %d", message, got, want)
		}
	}
}

// TestWritten: a write that has failed is noted until a write succeeds.
func TestWritten(t *testing.T) {
	n := New(zap.NewNop())
	tell := n.Written("state not saved", "/state", "<state dir>")
	tell(unix.ENOSPC)
	if all := n.All(); len(all) != 1 || all[0].Remedy != "free space in the file system of /state, or name another place in <state dir>" || time.Since(all[0].Since) < 0 {
		t.Errorf("%+v", all)
	}
	tell(nil)
	if all := n.All(); len(all) != 0 {
		t.Errorf("%+v", all)
	}
}
