package hubcmd

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/hub"
	"github.com/sersync/sersync/pkg/hub/identity"
	"github.com/sersync/sersync/pkg/hub/roster"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func run(args ...string) (status int, out, errOut string) {
	var o, e bytes.Buffer
	status = Main(args, &o, &e)
	return status, o.String(), e.String()
}

func TestAddListAndRemove(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hub")
	if status, _, said := run("add-edge", "e1", "web", "--dir", dir); status != exitFails || !strings.Contains(said, "start the hub once") {
		t.Errorf("without a hub: %d %s", status, said)
	}
	if _, err := hub.New(hub.Options{Dir: dir, Listen: hub.DefaultListen, Logger: zap.NewNop()}); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{identity.SourceKey, identity.AdminKey, identity.CertKey, "ca.key", filepath.Base(roster.Path(dir))} {
		if info, err := os.Stat(filepath.Join(dir, secret)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", secret, info.Mode(), err)
		}
	}
	status, out, said := run("add-edge", "e1", "web", "static", "web", "--dir", dir, "--name", "hub.example", "--listen", "0.0.0.0:4333")
	if status != exitDone || !strings.Contains(out, "nats://hub.example:4333") || !strings.Contains(out, "\nSU") || !strings.Contains(out, "BEGIN CERTIFICATE") {
		t.Errorf("%d %s%s", status, out, said)
	}
	r, err := roster.Read(dir)
	if err != nil || len(r.Edges) != 1 || strings.Join(r.Edges[0].Trees, " ") != "static web" {
		t.Errorf("%+v, %v", r, err)
	}
	if strings.Contains(out, r.Edges[0].Key) {
		t.Error("the public key is printed in the place of the secret one")
	}
	if status, out, _ := run("list", "--dir", dir); status != exitDone || !strings.Contains(out, "e1") {
		t.Errorf("list: %d %s", status, out)
	}
	if _, _, said := run("add-edge", "e1", "web", "--dir", dir); !strings.Contains(said, "had a key before") {
		t.Errorf("added again: %s", said)
	}
	if status, _, said := run("remove-edge", "e1", "--dir", dir); status != exitDone {
		t.Error(said)
	}
	if status, _, said := run("remove-edge", "e1", "--dir", dir); status != exitFails || !strings.Contains(said, "no such edge") {
		t.Errorf("removed twice: %d %s", status, said)
	}
}

func TestVersion(t *testing.T) {
	if status, out, said := run("--version"); status != exitDone || !strings.HasPrefix(out, "sersync-hub ") || said != "" {
		t.Errorf("%d %s%s", status, out, said)
	}
}

func TestWhatCannotBeUnderstoodIsRefused(t *testing.T) {
	for _, line := range []string{"add-edge", "add-edge e1", "remove-edge", "release", "dance", "list x", "--nonsense", "run now"} {
		if status, _, said := run(append(strings.Fields(line), "--dir", t.TempDir())...); status != exitUsage || strings.Count(said, "\n") > 30 {
			t.Errorf("%s: %d %s", line, status, said)
		}
	}
	for _, line := range []string{"add-edge a.b web", "add-edge e1 *", "release >"} {
		if status, _, said := run(append(strings.Fields(line), "--dir", t.TempDir())...); status != exitFails || !strings.Contains(said, "letters, digits") {
			t.Errorf("%s: %d %s", line, status, said)
		}
	}
}

// TestTheManPageIsWhole: the man page describes the commands and options of the usage text, and no
// others.
func TestTheManPageIsWhole(t *testing.T) {
	page, err := os.ReadFile("../../../packaging/man/sersync-hub.8")
	if err != nil {
		t.Fatal(err)
	}
	man := strings.ReplaceAll(string(page), `\-`, "-")
	_, _, help := run("--help")
	words := func(text, pattern string) []string {
		found := regexp.MustCompile(pattern).FindAllString(text, -1)
		slices.Sort(found)
		return slices.Compact(found)
	}
	if want, got := words(help, `--[a-z-]+`), words(strings.ReplaceAll(man, "--help", ""), `--[a-z-]+`); !slices.Equal(got, want) {
		t.Errorf("options of the man page: %q, of the program: %q", got, want)
	}
	for _, verb := range words(help, `(?m)^  sersync-hub \[?[a-z-]+`) {
		if verb = strings.Trim(strings.Fields(verb)[1], "["); !strings.Contains(man, verb) {
			t.Errorf("the man page does not name %s", verb)
		}
	}
}

// TestAddressOfARunningHub: a command prints the address and the port with which the hub was
// started, so they need not be given again.
func TestAddressOfARunningHub(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "address"), []byte("0.0.0.0:4333\nhub.example\n10.0.0.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := command{dir: dir, listen: hub.DefaultListen}
	if got := c.url(); got != "nats://hub.example:4333" {
		t.Error(got)
	}
	c.names = []string{"other.example"}
	if got := c.url(); got != "nats://other.example:4333" {
		t.Error(got)
	}
}
