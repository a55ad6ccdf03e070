package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// TestVersions: a file that was overwritten and one that was deleted by mistake are found on the
// remote, put back here by the commands of docs/versions.md, and arrive on the remote again.
// Neither a full sync nor a restart removes the versions.
func TestVersions(t *testing.T) {
	s := newScene(t)
	attributes := testkit.At(s.rsyncd.Port(), "m")
	with := func(backup string) string {
		return s.configure("<remote "+attributes+"/>", "<remote "+attributes+">"+backup+"</remote>")
	}
	page, tree := filepath.Join(s.src, "site/index.html"), filepath.Join(s.src, "site/deep/er")
	s.write(page, "good")
	s.write(filepath.Join(tree, "a"), "precious")
	text := with(`<backup dir=".versions"/>`)
	app := s.startWith(testkit.Options{Config: text}, "-r")
	s.equal(testkit.Compare{})
	s.inSync()
	s.write(page, "a mistake")
	s.must(os.RemoveAll(tree))
	kept := func(path string) (found string) {
		testkit.Eventually(t, limit, path+" is kept", func() bool {
			out, err := exec.Command("find", filepath.Join(s.dst, ".versions"), "-path", "*/"+path).Output()
			found = strings.TrimSpace(string(out))
			return err == nil && found != ""
		})
		return found
	}
	index, deep := kept("site/index.html"), kept("site/deep/er/a")
	s.inSync()
	if _, code := s.ask("--resync"); code != 0 {
		t.Error("--resync")
	}
	s.inSync()
	s.stop(app)
	app = s.startWith(testkit.Options{Config: text}, "-r")
	s.inSync()

	s.must(exec.Command("cp", index, page).Run())
	below, _ := filepath.Rel(s.dst, filepath.Dir(filepath.Dir(filepath.Dir(deep)))) // the directory in which the version is
	from := "rsync://127.0.0.1:" + strconv.Itoa(s.rsyncd.Port()) + "/m/" + below + "/"
	if out, err := exec.Command("rsync", "-a", from, filepath.Join(s.src, "site")+"/").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	testkit.Eventually(t, limit, "both are back on the remote", func() bool {
		a, _ := os.ReadFile(filepath.Join(s.dst, "site/index.html"))
		b, _ := os.ReadFile(filepath.Join(s.dst, "site/deep/er/a"))
		return string(a) == "good" && string(b) == "precious"
	})
	if out, code := s.ask("--verify"); code != 0 {
		t.Errorf("--verify: %d\n%s", code, out)
	}
	s.stop(app)

	s.write(filepath.Join(s.src, ".versions/x"), "here")
	if out, _, code := s.run("--check", "-o", s.file()); code != 1 || !strings.Contains(out, `".versions" is also in the watched directory: it is not sent from there; choose another name`) {
		t.Errorf("--check: %d\n%s", code, out)
	}
	with(`<backup dir="../out"/>`)
	if _, errOut, code := s.run("-o", s.file()); code != 1 || !strings.Contains(errOut, "is not a name right below the destination") {
		t.Errorf("a start with a name that cannot be used: %d\n%s", code, errOut)
	}
}
