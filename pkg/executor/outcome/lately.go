package outcome

import (
	"slices"

	"github.com/sersync/sersync/pkg/executor/disk"
)

// Lately are the directories of the files that a run has begun last. The sender is ahead of the
// receiver by what is on its way between them, which may be many small files: the file that the
// receiver has not finished is in one of these directories.
type Lately struct{ dirs []string }

const mostLately = 200

// Begin notes that a file is sent from now on.
func (l *Lately) Begin(path string) {
	dir := disk.ParentOf(path)
	if n := len(l.dirs); n > 0 && l.dirs[n-1] == dir {
		return
	}
	if i := slices.Index(l.dirs, dir); i >= 0 {
		l.dirs = slices.Delete(l.dirs, i, i+1)
	} else if len(l.dirs) == mostLately {
		l.dirs = slices.Delete(l.dirs, 0, 1)
	}
	l.dirs = append(l.dirs, dir)
}

// Dirs are the directories, each once; that of the latest file is the last one.
func (l *Lately) Dirs() []string { return l.dirs }
