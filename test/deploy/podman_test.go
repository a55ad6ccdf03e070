package deploy

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// limit is how long anything may take on a busy machine that would take moments on an idle one.
const limit = 30 * time.Second

// These are the names of the images in the manifests and the compose file.
const (
	rootImage    = "registry.example.com/sersync:3"
	nonrootImage = "registry.example.com/sersync:3-nonroot"
	composeImage = "docker.io/library/sersync:latest"
)

// top is the top of the source tree.
var top, _ = filepath.Abs("../..")

// engine is the directory in which podman keeps the images and containers of these tests, so that
// they do not mix with those of the host.
var engine struct {
	dir   string
	built bool
}

func TestMain(m *testing.M) {
	var err error
	if engine.dir, err = os.MkdirTemp("/var/tmp", "sersync-deploy"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	if engine.built {
		_ = podmanCommand("rm", "--force", "--all", "--time", "0").Run()
		_ = podmanCommand("volume", "rm", "--force", "--all").Run()
		_ = podmanCommand("network", "prune", "--force").Run()
		_ = exec.Command("umount", filepath.Join(engine.dir, "graph", "overlay")).Run()
	}
	_ = os.RemoveAll(engine.dir)
	os.Exit(status)
}

// settings has podman use runc, which works with both versions of cgroups, and limits that a host
// without CAP_SYS_RESOURCE may set.
func settings(t *testing.T) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Join(engine.dir, "networks"), 0o700))
	write(t, filepath.Join(engine.dir, "containers.conf"), `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
log_driver = "k8s-file"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_config_dir = "`+engine.dir+`/networks"
`)
	write(t, filepath.Join(engine.dir, "storage.conf"), fmt.Sprintf("[storage]\ndriver = \"overlay\"\ngraphroot = %q\nrunroot = %q\n",
		filepath.Join(engine.dir, "graph"), filepath.Join(engine.dir, "run")))
}

func engineEnv() []string {
	return append(os.Environ(), "CONTAINERS_CONF="+filepath.Join(engine.dir, "containers.conf"),
		"CONTAINERS_STORAGE_CONF="+filepath.Join(engine.dir, "storage.conf"))
}

func podmanCommand(args ...string) *exec.Cmd {
	cmd := exec.Command("podman", args...)
	cmd.Env = engineEnv()
	return cmd
}

// podman runs podman and returns its standard output.
func podman(t *testing.T, args ...string) string {
	t.Helper()
	return output(t, podmanCommand(args...))
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out.String(), errs.String())
	}
	return strings.TrimSpace(out.String())
}

// images builds both targets of the Dockerfile once. The base images that the Dockerfile names are
// made here.
func images(t *testing.T) {
	t.Helper()
	if engine.built {
		return
	}
	if os.Getuid() != 0 {
		t.Skip("needs root: builds and runs containers")
	}
	settings(t)
	engine.built = true
	podman(t, "import", debianRoot(t), "docker.io/library/debian:12-slim")
	golang := t.TempDir()
	write(t, filepath.Join(golang, "Dockerfile"), "FROM docker.io/library/debian:12-slim\nENV PATH=/usr/local/go/bin:/usr/bin:/bin\n")
	podman(t, "build", "--quiet", "--tag", "docker.io/library/golang:1.26-bookworm", golang)
	for _, target := range []struct{ stage, tag string }{{"root", rootImage}, {"nonroot", nonrootImage}} {
		podman(t, "build", "--quiet", "--pull=never", "--network=host", "--layers", "--target", target.stage, "--tag", target.tag,
			"--volume", goEnv(t, "GOROOT")+":/usr/local/go:ro",
			"--volume", goEnv(t, "GOMODCACHE")+":/root/go/pkg/mod",
			"--volume", goEnv(t, "GOCACHE")+":/root/.cache/go-build",
			"--build-arg", "VERSION=3.0.0-test",
			"--file", filepath.Join(top, "packaging/container/Dockerfile"), top)
	}
	podman(t, "tag", rootImage, composeImage)
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	return output(t, exec.Command("go", "env", name))
}

// debianRoot is a minimal Debian as a tar archive, in the place of the image debian:12-slim from a
// registry. It is kept in the user's cache for a week.
func debianRoot(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	must(t, err)
	file := filepath.Join(cache, "sersync-test", "debian-bookworm-minbase.tar")
	if info, err := os.Stat(file); err == nil && time.Since(info.ModTime()) < 7*24*time.Hour {
		return file
	}
	must(t, os.MkdirAll(filepath.Dir(file), 0o755))
	output(t, exec.Command("mmdebstrap", "--variant=minbase", "bookworm", file+".new.tar", "http://deb.debian.org/debian"))
	must(t, os.Rename(file+".new.tar", file))
	return file
}

// container is a container that podman has started.
type container struct {
	t    *testing.T
	name string
}

// start runs a container in the background, and removes it when the test ends.
func start(t *testing.T, name string, args ...string) container {
	t.Helper()
	podman(t, append([]string{"run", "--detach", "--name", name}, args...)...)
	c := container{t, name}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, c.log())
		}
		_ = podmanCommand("rm", "--force", "--time", "0", name).Run()
	})
	return c
}

// log is everything that the container has written to its two outputs.
func (c container) log() string {
	out, err := podmanCommand("logs", c.name).CombinedOutput()
	if err != nil {
		return err.Error()
	}
	return string(out)
}

func (c container) address() string {
	c.t.Helper()
	return podman(c.t, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", c.name)
}

// exec runs sersync in the container and returns its output and its exit status.
func (c container) exec(args ...string) (string, int) {
	c.t.Helper()
	cmd := podmanCommand(append([]string{"exec", c.name, "sersync"}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		c.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// stop ends the container as docker stop and the kubelet do, and returns its exit status.
func (c container) stop() string {
	c.t.Helper()
	podman(c.t, "stop", "--time", "100", c.name)
	return podman(c.t, "inspect", "--format", "{{.State.ExitCode}}", c.name)
}

// network makes a network in which containers find each other by name.
func network(t *testing.T, name string) string {
	t.Helper()
	podman(t, "network", "create", name)
	t.Cleanup(func() { _ = podmanCommand("network", "rm", "--force", name).Run() })
	return name
}

// get requests a page from the status page and returns the HTTP status and the body; without an
// answer the status is 0.
func get(url, token string) (int, string) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, err.Error()
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, string(body)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(name), 0o755))
	must(t, os.WriteFile(name, []byte(text), 0o644))
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	must(t, err)
	return string(b)
}

// arrives waits until the file has this content.
func arrives(t *testing.T, name, text string) {
	t.Helper()
	testkit.Eventually(t, limit, name+" has arrived", func() bool {
		b, err := os.ReadFile(name)
		return err == nil && string(b) == text
	})
}
