package targets

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	s.must(os.MkdirAll(here("tree [1]/of/some"), 0o755))
	for i := range 8 {
		s.must(os.WriteFile(here("tree [1]/of/some/"+strconv.Itoa(i)), text(100_000), 0o644))
	}
	s.must(os.MkdirAll(here("place 2/deep"), 0o755))
	s.must(os.WriteFile(here("place 2/large"), text(9<<20), 0o644))
	s.equal("a tree")
	s.idle()
	tree, large := there("tree [1]/of/some/3"), there("place 2/large")
	s.must(os.Rename(here("tree [1]"), here("place 2/deep/it's a tree")))
	s.equal("a move of a tree")
	s.idle()
	s.must(os.Rename(here("place 2/large"), here("place 2/deep/large")))
	s.equal("a move of a large file")
	s.idle()
	if !os.SameFile(tree, there("place 2/deep/it's a tree/of/some/3")) {
		s.t.Error("the tree was sent again")
	}
	if !os.SameFile(large, there("place 2/deep/large")) {
		s.t.Error("the large file was sent again")
	}
	s.write("then", "place 2/deep/it's a tree/of/then")
	s.must(os.Chmod(here("place 2/deep/it's a tree/of/some/5"), 0o600))
	s.write("then", "place 2/deep/it's a tree/of/some/5")
	s.equal("work in what was moved")
	s.must(os.RemoveAll(here("place 2")))
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

// TestMovesUnderAFilterOverSSH renames a tree of which a filter excludes entries at the old place, at
// the new one, and at both. What was mirrored and still is, is not sent again, nothing excluded gets onto the remote, and what
// the remote has under excluded names at the old place stays there.
func TestMovesUnderAFilterOverSSH(t *testing.T) {
	t.Parallel()
	const size = 300_000
	s := newSSH(t, "")
	s.set.Exclude = []string{`(.*)\.log`, `the tree/cache`, `it's new/left`}
	here, there := func(name string) string { return filepath.Join(s.src, name) }, func(name string) string { return filepath.Join(s.dst, name) }
	noise := func(name string, size int) {
		s.must(os.MkdirAll(filepath.Dir(here(name)), 0o755))
		b, rnd := make([]byte, size), rand.New(rand.NewPCG(3, uint64(len(name))))
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		s.must(os.WriteFile(here(name), b, 0o644))
	}
	for i := range 12 {
		noise("the tree/of/some/"+strconv.Itoa(i), size)
	}
	noise("the tree/of/a.log", 10*size)
	noise("the tree/logs.log/f", 10*size)
	s.write("text", "the tree/left/f", "the tree/cache/f")
	s.start()
	s.idle()
	files := [12]os.FileInfo{}
	for i := range files {
		info, err := os.Stat(there("the tree/of/some/" + strconv.Itoa(i)))
		s.must(err)
		files[i] = info
	}
	s.must(os.WriteFile(there("the tree/of/a.log"), []byte("theirs"), 0o644))
	s.must(os.Rename(here("the tree"), here("it's new")))
	testkit.Eventually(t, limit, "the tree is at its new place", func() bool {
		return testkit.Exists(there("it's new/cache/f")) && testkit.Exists(there("it's new/of/some/3")) && !testkit.Exists(there("the tree/of/some"))
	})
	s.idle()
	for i, before := range files {
		if after, err := os.Stat(there("it's new/of/some/" + strconv.Itoa(i))); err != nil || !os.SameFile(before, after) {
			t.Errorf("file %d was sent again (%v)", i, err)
		}
	}
	for name, want := range map[string]bool{
		"it's new/of/a.log": false, "it's new/logs.log": false, "it's new/left": false, "the tree/left": false, "the tree/logs.log": false, "the tree/of/a.log": true,
	} {
		if testkit.Exists(there(name)) != want {
			t.Errorf("%s is there: %v, want %v", name, !want, want)
		}
	}
	s.end()
}

// TestMovesWhereAKeyIsRestricted has a command in place of rsync that refuses what a move needs, as
// rrsync does. Everything arrives, and that is no trouble of the remote.
func TestMovesWhereAKeyIsRestricted(t *testing.T) {
	for _, tree := range []string{"plain", "with a blank"} {
		t.Run(tree, func(t *testing.T) {
			t.Parallel()
			s := newSSH(t, "")
			restricted := filepath.Join(s.sshd.Dir, "restricted")
			testkit.WriteProgram(t, restricted, `#!/bin/sh
case "$SSH_ORIGINAL_COMMAND" in
"rsync --server -s"*) echo "$0 error: option -s has been disabled on this server." >&2; exit 1 ;;
*link-dest*..*) echo "$0 error: do not use .. in --link-dest (anchor the path at the root of your restricted dir)" >&2; exit 1 ;;
esac
exec sh -c "$SSH_ORIGINAL_COMMAND"
`)
			keys := filepath.Join(s.sshd.Dir, "authorized_keys")
			key, err := os.ReadFile(keys)
			s.must(err)
			s.must(os.WriteFile(keys, append([]byte(`command="`+restricted+`" `), key...), 0o600))
			for i := range 12 {
				s.write(strings.Repeat("text ", 20_000), tree+"/of/"+strconv.Itoa(i))
			}
			s.start()
			s.idle()
			s.must(os.Rename(filepath.Join(s.src, tree), filepath.Join(s.src, tree+" moved")))
			s.equal("a move of a tree")
			s.idle()
			if strings.Contains(s.log(), "in trouble") {
				t.Error("a refusal counts as an outage")
			}
			if !strings.Contains(s.log(), "what is moved here is sent again") {
				t.Error("nothing was refused")
			}
			s.end()
		})
	}
}
