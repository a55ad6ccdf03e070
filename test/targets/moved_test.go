package targets

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// moves renames a tree and moves a large file: neither of them is sent again.
func (s *scene) moves() {
	s.t.Helper()
	here, there := func(name string) string { return filepath.Join(s.src, name) }, func(name string) os.FileInfo {
		info, err := os.Stat(filepath.Join(s.dst, name))
		s.must(err)
		return info
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	text := func(size int) []byte {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		return b
	}
	s.must(os.MkdirAll(here("tree/of/some"), 0o755))
	for i := range 8 {
		s.must(os.WriteFile(here("tree/of/some/"+strconv.Itoa(i)), text(100_000), 0o644))
	}
	s.must(os.MkdirAll(here("place 1"), 0o755))
	s.must(os.MkdirAll(here("place-2/deep"), 0o755))
	s.must(os.WriteFile(here("place-2/large"), text(9<<20), 0o644))
	s.equal("a tree")
	s.idle()
	tree, large := there("tree/of/some/3"), there("place-2/large")
	s.must(os.Rename(here("tree"), here("place-2/deep/tree")))
	s.equal("a move of a tree")
	s.idle()
	s.must(os.Rename(here("place-2/large"), here("place-2/deep/large")))
	s.equal("a move of a large file")
	s.idle()
	if !os.SameFile(tree, there("place-2/deep/tree/of/some/3")) {
		s.t.Error("the tree was sent again")
	}
	if !os.SameFile(large, there("place-2/deep/large")) {
		s.t.Error("the large file was sent again")
	}
	s.write("then", "place-2/deep/tree/of/then")
	s.must(os.Chmod(here("place-2/deep/tree/of/some/5"), 0o600))
	s.write("then", "place-2/deep/tree/of/some/5")
	s.equal("work in what was moved")
	s.must(os.RemoveAll(here("place-2")))
	s.must(os.RemoveAll(here("place 1")))
	s.equal("its deletion")
}

// TestMovesOverSSH moves files on a remote over ssh.
func TestMovesOverSSH(t *testing.T) {
	t.Parallel()
	s := newSSH(t, "")
	s.start()
	s.moves()
	s.end()
}

// TestMovesToAnOldReceiverOverSSH does the same with the rsync of Debian 11 on the remote.
func TestMovesToAnOldReceiverOverSSH(t *testing.T) {
	t.Parallel()
	s := newSSH(t, "")
	s.set.Params = "-artuz --rsync-path=" + testkit.Bullseye.Install(t)
	s.start()
	s.moves()
	s.end()
}
