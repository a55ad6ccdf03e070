package follow

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sersync/sersync/pkg/change"
	"github.com/sersync/sersync/pkg/edge/apply"
	"github.com/sersync/sersync/pkg/edge/backlog"
)

// Whatever the directory or its disk refuses, the edge names a remedy.
func TestWhatTheDirectoryRefusesHasARemedy(t *testing.T) {
	for err, want := range map[error]string{
		unix.ENOSPC:    "make room there",
		unix.EDQUOT:    "make room there",
		unix.EROFS:     "mount it with rw",
		unix.EACCES:    "let the user of this edge write there",
		unix.EPERM:     "let the user of this edge write there",
		apply.ErrHeld:  "<tree deletions>",
		apply.ErrMount: "unmount what is mounted there",
	} {
		got := explain(fmt.Errorf("apply %q: %w", "a", &fs.PathError{Op: "open", Path: "a", Err: err}), "/srv/www", &backlog.Item{Entry: change.Entry{Path: "a"}})
		if got.Reason == "" || !strings.Contains(got.Remedy, want) || !strings.Contains(got.Detail, `"a"`) {
			t.Errorf("%v: %+v", err, got)
		}
	}
}
