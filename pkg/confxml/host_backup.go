package confxml

import (
	"fmt"
	"os"
	"path/filepath"
)

// backups: what has the name of a backup directory here is not sent.
func (h *hostCheck) backups() {
	for _, l := range h.config.LocalPaths {
		for _, m := range l.Remotes {
			if m.Backup == nil || m.Backup.Dir == "" {
				continue
			}
			if _, err := os.Lstat(filepath.Join(l.Watch, m.Backup.Dir)); err == nil {
				h.add(m.Backup.Line, "sersync/localpath/remote/backup@dir", fmt.Sprintf("%q stands in the watched directory, too: it is not sent", m.Backup.Dir),
					"choose another name", Fault)
			}
		}
	}
}
