package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

const composeDir = "examples/compose"

// loadCompose reads a compose file and checks it by the schema of the specification.
func loadCompose(t *testing.T, text string) (*types.Project, error) {
	t.Helper()
	return loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  filepath.Join(top, composeDir),
		ConfigFiles: []types.ConfigFile{{Filename: "compose.yaml", Content: []byte(text)}},
	}, func(o *loader.Options) { o.SetProjectName("sersync", true) })
}

// TestComposeSchema: the compose file conforms to the schema of the specification, so no name in it
// is misspelt, and everything that it mounts from the folder exists.
func TestComposeSchema(t *testing.T) {
	text := read(t, filepath.Join(top, composeDir, "compose.yaml"))
	project, err := loadCompose(t, text)
	must(t, err)
	if len(project.Services) != 3 {
		t.Errorf("%d services", len(project.Services))
	}
	for name, service := range project.Services {
		if !service.ReadOnly {
			t.Errorf("%s: its root is not read-only", name)
		}
		for _, v := range service.Volumes {
			if v.Type == types.VolumeTypeBind && filepath.Base(v.Source) != "site" {
				if _, err := os.Stat(v.Source); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
	for _, slip := range [][2]string{{"read_only:", "readonly:"}, {"restart: unless-stopped", "restart: [yes]"}, {"healthcheck:", "health:"}} {
		if _, err := loadCompose(t, strings.Replace(text, slip[0], slip[1], 1)); err == nil {
			t.Errorf("%q is not found", slip[1])
		}
	}
}

// TestCompose runs the commands of the folder's README: a change arrives at both targets.
func TestCompose(t *testing.T) {
	images(t)
	dir := filepath.Join(t.TempDir(), "sersync", composeDir) // the compose file's "build:" leads two levels up
	must(t, os.MkdirAll(filepath.Dir(dir), 0o755))
	must(t, os.CopyFS(dir, os.DirFS(filepath.Join(top, composeDir))))
	readme := read(t, filepath.Join(dir, "README.md"))
	blocks := regexp.MustCompile("(?s)```sh norun=\"[^\"]*\"\n(.*?)```").FindAllStringSubmatch(readme, -1)
	if len(blocks) != 3 {
		t.Fatalf("%d blocks of commands in the README", len(blocks))
	}
	t.Cleanup(func() {
		_, _ = compose(dir, "docker compose down --volumes --timeout 1")
	})
	run := func(script string) string {
		t.Helper()
		out, err := compose(dir, script)
		if err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
		return out
	}
	prepare, change, end := blocks[0][1], blocks[1][1], blocks[2][1]
	run(strings.ReplaceAll(prepare, "docker compose build", ":")) // TestImage has built the image
	if out := run(change); strings.Count(out, "hello.html") < 2 || !strings.Contains(out, "in sync") {
		t.Errorf("the change has not arrived at both:\n%s", out)
	}
	for _, service := range []string{"source", "web1", "web2"} {
		ignored := []string{"DEBUG", "INFO"}
		out := run("docker compose logs " + service)
		for line := range strings.Lines(out) {
			if words := strings.Fields(line); len(words) > 2 && slices.Contains([]string{"WARN", "ERROR"}, words[2]) {
				t.Errorf("%s says (beyond %v): %s", service, ignored, line)
			}
		}
	}
	run(end)
}

// compose runs a script with podman-compose in the place of docker compose.
func compose(dir, script string) (string, error) {
	cmd := exec.Command("bash", "-e", "-c", `docker() { shift; podman-compose "$@"; }
sudo() { "$@"; }
`+script)
	cmd.Dir, cmd.Env = dir, engineEnv()
	out, err := cmd.CombinedOutput()
	return string(out), err
}
