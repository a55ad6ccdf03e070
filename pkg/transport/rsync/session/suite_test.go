package session

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/rsyncopts"
	"github.com/sersync/sersync/pkg/transport/rsync"
	"github.com/sersync/sersync/pkg/transport/transporttest"
)

// remote makes a bed for the test suite of transports, which closes it.
func remote(t *testing.T, change func(*Options)) transporttest.Remote {
	t.Helper()
	b := newBed(t, change)
	if b.opt.Target.SSH {
		b.dst = b.opt.Target.Name
	}
	return transporttest.Remote{Transport: b.Session, Here: b.src, Looks: true, Copies: b.dst, There: func(path string) bool {
		_, err := os.Lstat(filepath.Join(b.dst, path))
		return err == nil
	}}
}

func TestRsyncToADaemonIsATransport(t *testing.T) {
	transporttest.Suite(t, func(t *testing.T) transporttest.Remote { return remote(t, nil) })
}

// The remote over ssh is also the one that keeps hard links.
func TestRsyncOverSSHIsATransport(t *testing.T) {
	hardLinks, err := rsync.ParseParams("-artuzH", rsyncopts.Setting{}, os.Getenv)
	must(t, err)
	s := testkit.Sshd(t)
	t.Setenv("PATH", s.Bin+":"+os.Getenv("PATH"))
	remotes := 0
	transporttest.Suite(t, func(t *testing.T) transporttest.Remote {
		remotes++
		return remote(t, func(o *Options) {
			o.Target.SSH, o.Target.Port, o.Target.Name = true, 0, filepath.Join(s.Dir, fmt.Sprint("t", remotes))
			o.ControlPath = filepath.Join(t.TempDir(), "s")
			o.Target.Params = hardLinks
		})
	})
}
