package transporttest

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
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

// byName matches patterns with the last elements of paths.
func byName(patterns []string) func(string, bool) bool {
	return func(name string, _ bool) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, path.Base(name)); return ok })
	}
}

// named tells whether a batch may name the directories beside its list.
func named(of, at string) bool {
	return !strings.ContainsAny(of+at, "\n*[") && !strings.HasPrefix(of, "-") && !strings.HasPrefix(at, "-")
}

func TestTheFakeWithATreeIsATransport(t *testing.T) {
	for name, hardLinks := range map[string]bool{"plain": false, "hard links": true} {
		t.Run(name, func(t *testing.T) {
			Suite(t, func(t *testing.T) Remote {
				t.Helper()
				tree := &Tree{Here: t.TempDir(), There: t.TempDir(), Update: true, HardLinks: hardLinks, Matcher: byName}
				f := &Fake{Asks: transport.Terms{Update: true, Times: true, Links: true, HardLinks: hardLinks, Reuses: named}, Carry: tree.Carry}
				return Remote{Transport: f, Here: tree.Here, Looks: true, Copies: tree.There, There: func(path string) bool {
					_, err := os.Lstat(filepath.Join(tree.There, path))
					return err == nil
				}}
			})
		})
	}
}
