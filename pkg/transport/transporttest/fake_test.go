package transporttest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sersync/sersync/pkg/transport"
)

func TestTheFakeIsATransport(t *testing.T) {
	Suite(t, func(t *testing.T) Remote {
		t.Helper()
		f := &Fake{}
		return Remote{Transport: f, Here: t.TempDir(), There: f.Has}
	})
}

func TestTheFakeWithATreeIsATransport(t *testing.T) {
	Suite(t, func(t *testing.T) Remote {
		t.Helper()
		tree := &Tree{Here: t.TempDir(), There: t.TempDir(), Update: true}
		f := &Fake{Asks: transport.Terms{Update: true, Times: true, Links: true}, Carry: tree.Carry}
		return Remote{Transport: f, Here: tree.Here, Looks: true, Copies: tree.There, There: func(path string) bool {
			_, err := os.Lstat(filepath.Join(tree.There, path))
			return err == nil
		}}
	})
}
