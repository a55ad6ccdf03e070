package deploy

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// TestImage: the image contains the program, rsync, ssh and the files that they need. It has no
// shell and no setuid program, and its directories belong to the user of the variant.
func TestImage(t *testing.T) {
	images(t)
	for _, c := range []struct {
		image string
		owner int
	}{{rootImage, 0}, {nonrootImage, 65532}} {
		files := contents(t, c.image)
		for _, name := range []string{"usr/bin/sersync", "usr/bin/sersync2", "usr/bin/rsync", "usr/bin/ssh", "etc/passwd", "etc/ssl/certs/ca-certificates.crt", "usr/share/zoneinfo/Asia/Shanghai", "var/lib/sersync/", "tmp/"} {
			if files[name] == nil {
				t.Errorf("%s: no %s", c.image, name)
			}
		}
		for name, h := range files {
			if slices.Contains([]string{"sh", "bash", "dash", "perl", "apt", "apt-get"}, filepath.Base(name)) && h.Typeflag == tar.TypeReg {
				t.Errorf("%s: there is a %s", c.image, name)
			}
			if h.Mode&0o6000 != 0 {
				t.Errorf("%s: %s has mode %o", c.image, name, h.Mode)
			}
		}
		for name, mode := range map[string]int64{"var/lib/sersync/": 0o700, "var/log/sersync/": 0o750} {
			if h := files[name]; h == nil || h.Mode&0o777 != mode || h.Uid != c.owner {
				t.Errorf("%s: %s is %+v", c.image, name, h)
			}
		}
		run := func(args ...string) string {
			return podman(t, append([]string{"run", "--rm", "--network=none", "--read-only", "--entrypoint", args[0], c.image}, args[1:]...)...)
		}
		if got := run("sersync", "--version"); !strings.HasPrefix(got, "sersync 3.0.0-test ") {
			t.Errorf("%s: the version is %q", c.image, got)
		}
		for program, want := range map[string]string{"rsync": "rsync  version 3.", "sersync2": "sersync 3.0.0-test "} {
			if got := run(program, "--version"); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s says %q", c.image, program, got)
			}
		}
		// -G shows the user and the configuration, and needs no network.
		if got := run("ssh", "-G", "host"); !strings.Contains(got, "hostname host") {
			t.Errorf("%s: ssh -G says %q", c.image, got)
		}
	}
}

// contents returns the files of an image by their names.
func contents(t *testing.T, image string) map[string]*tar.Header {
	t.Helper()
	name := "contents"
	podman(t, "create", "--name", name, image)
	defer podman(t, "rm", name)
	file := filepath.Join(t.TempDir(), "image.tar")
	podman(t, "export", "--output", file, name)
	f, err := os.Open(file)
	must(t, err)
	defer f.Close()
	files := map[string]*tar.Header{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		must(t, err)
		files[h.Name] = h
	}
}

// TestImageOverSSH has a remote over ssh, with a key that is mounted into the container.
func TestImageOverSSH(t *testing.T) {
	images(t)
	sshd := testkit.Sshd(t)
	src, dst, etc := t.TempDir(), t.TempDir(), t.TempDir()
	write(t, filepath.Join(src, "index.html"), "over ssh\n")
	write(t, filepath.Join(etc, "confxml.xml"), `<head><host port="0" page="false"/><sersync>
<localpath watch="/data"><remote ip="127.0.0.1" name="`+dst+`"/></localpath>
<rsync><commonParams params="-artz"/><ssh start="true"/></rsync><failLog path="/tmp/fail.sh"/></sersync></head>`)
	c := start(t, "over-ssh", "--network=host", "--read-only", "--tmpfs=/var/lib/sersync",
		"--volume", etc+":/etc/sersync:ro", "--volume", src+":/data:ro",
		"--volume", sshd.Dir+":"+sshd.Dir+":ro", "--volume", sshd.ClientConfig+":/root/.ssh/config:ro",
		rootImage, "-r", "-o", "/etc/sersync/confxml.xml")
	arrives(t, filepath.Join(dst, "index.html"), "over ssh\n")
	write(t, filepath.Join(src, "new.html"), "later\n")
	arrives(t, filepath.Join(dst, "new.html"), "later\n")
	if status := c.stop(); status != "0" {
		t.Errorf("exit status %s after SIGTERM", status)
	}
}

// TestContainersPage runs commands of docs/containers.md: those that try a configuration, run it,
// ask for its status, have it read again and stop it. In this test podman is docker.
func TestContainersPage(t *testing.T) {
	images(t)
	src, dst, etc := t.TempDir(), t.TempDir(), t.TempDir()
	rsyncd := testkit.Rsyncd(t, testkit.RsyncdConf{Modules: []testkit.Module{{Name: "m", Path: dst}}})
	write(t, filepath.Join(src, "index.html"), "hello\n")
	write(t, filepath.Join(etc, "confxml.xml"), `<head><host hostip="localhost" port="0" page="false"/><sersync>
<localpath watch="/data/www"><remote `+testkit.At(rsyncd.Port(), "m")+`/></localpath>
<rsync><commonParams params="-artz"/></rsync><failLog path="/tmp/fail.sh"/></sersync></head>`)
	var script string
	for block := range strings.SplitSeq(read(t, filepath.Join(top, "docs/containers.md")), "```") {
		if _, commands, _ := strings.Cut(block, "\n"); strings.Contains(commands, "docker run --rm") {
			script = strings.NewReplacer("-v /etc/sersync:", "-v "+etc+":", "-v /data/www:", "-v "+src+":").Replace(commands)
		}
	}
	if script == "" {
		t.Fatal("the page has no such block")
	}
	cmd := exec.Command("bash", "-e", "-c", `docker() {
    command=$1; shift
    case $command in
    run) podman run --network=host "$@" ;;
    exec) # a reader takes a moment to get here
        for _ in $(seq 100); do podman exec sersync sersync --wait=30 && break; sleep 0.1; done
        podman exec "$@" ;;
    kill)
        podman kill "$@"
        for _ in $(seq 100); do podman logs sersync 2>&1 | grep "configuration applied" && break; sleep 0.1; done ;;
    *) podman "$command" "$@" ;;
    esac
}
`+script)
	cmd.Env = engineEnv()
	t.Cleanup(func() { _ = podmanCommand("rm", "--force", "--time", "0", "sersync").Run() })
	out, err := cmd.CombinedOutput()
	for _, want := range []string{"ready: lanes tried: 1", "in sync", "configuration applied"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("%v; no %q in\n%s", err, want, out)
		}
	}
	if status := podman(t, "inspect", "--format", "{{.State.ExitCode}}", "sersync"); status != "0" {
		t.Errorf("exit status %s after docker stop", status)
	}
	arrives(t, filepath.Join(dst, "index.html"), "hello\n")
}
