package confxml

import (
	"fmt"
	"os"
	"path/filepath"
)

// backups reports an entry of a watch root that has the name of a backup directory, and so is not
// sent.
func (h *hostCheck) backups() {
	for _, l := range h.config.LocalPaths {
		for _, m := range l.Remotes {
			if m.Backup == nil || m.Backup.Dir == "" {
				continue
			}
			if _, err := os.Lstat(filepath.Join(l.Watch, m.Backup.Dir)); err == nil {
				h.add(m.Backup.Line, "sersync/localpath/remote/backup@dir", fmt.Sprintf("%q is also in the watched directory: it is not sent from there", m.Backup.Dir),
					"choose another name", Fault)
			}
		}
	}
}
