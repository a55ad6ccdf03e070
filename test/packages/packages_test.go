//go:build packages

package packages

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sersync/sersync/internal/testkit"
)

// These are the versions that are installed one after the other.
const (
	first  = "3.0.0"
	second = "3.0.1"
)

// included are the packages that Debian needs, beside its minimum, to be a host of sersync and the
// target as well.
const included = "rsync,openssh-client,openssh-server,logrotate,init-system-helpers,systemd,systemd-sysv,dbus"

var update = flag.Bool("update", false, "write the transcripts to docs/package-test.txt and docs/first-hour.txt")

// TestDebian goes through the life of the .deb in a Debian root.
func TestDebian(t *testing.T) {
	dist := build(t)
	dir := t.TempDir()
	script, err := filepath.Abs("testdata/debian.sh")
	if err != nil {
		t.Fatal(err)
	}
	stage, err := filepath.Abs("testdata/stage.sh")
	if err != nil {
		t.Fatal(err)
	}
	out := run(t, "unshare", "--mount", "--net", "--pid", "--uts", "--fork", "--kill-child",
		"sh", stage, dir, debian(t), dist, script)
	held(t, out)
	if *update {
		if err := os.WriteFile(filepath.Join(testkit.Repository(), "docs", "package-test.txt"), []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSystemd boots that Debian with systemd and uses the units: readiness, hardening with rsync
// and ssh, reload, the template, and a user of the unit's own.
func TestSystemd(t *testing.T) { boots(t, "testdata/systemd.sh") }

// TestHubAndEdge installs, upgrades and removes the packages of hub and edge in that Debian, beside
// a source: readiness, hardening, upgrade while files change, crash, purge.
func TestHubAndEdge(t *testing.T) { boots(t, "testdata/edges.sh") }

// boots has systemd run a script in a Debian root.
func boots(t *testing.T, script string) {
	t.Helper()
	dist := build(t)
	dir := t.TempDir()
	result := filepath.Join(dir, "result")
	if err := os.WriteFile(result, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stage, err := filepath.Abs("testdata/boot.sh")
	if err != nil {
		t.Fatal(err)
	}
	if script, err = filepath.Abs(script); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "--mount", "--net", "--pid", "--uts", "--cgroup", "--ipc", "--fork",
		"--kill-child", "sh", stage, dir, debian(t), dist, script, result)
	console, err := cmd.CombinedOutput() // the exit status of systemd says nothing
	out, rerr := os.ReadFile(result)
	if rerr != nil {
		t.Fatal(rerr)
	}
	if len(out) == 0 {
		t.Fatalf("systemd did not come up: %v\n%s", err, console)
	}
	held(t, string(out))
}

func held(t *testing.T, out string) {
	t.Helper()
	t.Log(out)
	if !strings.HasSuffix(out, "\n# everything held\n") {
		t.Error("the script did not come to its end")
	}
}

// TestRPM installs the .rpm into an empty root, without its scripts, since there is no shell. (The
// scripts do the same as those of the .deb.)
func TestRPM(t *testing.T) {
	dist, root := build(t), t.TempDir()
	rpm := func(args ...string) string {
		return run(t, "rpm", append([]string{"--root", root, "--nodeps", "--noscripts", "--nosignature"}, args...)...)
	}
	run(t, "rpm", "--root", root, "--initdb")
	arch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]
	rpm("--install", filepath.Join(dist, "sersync-"+first+"-1."+arch+".rpm"))
	conf := filepath.Join(root, "etc/sersync/confxml.xml")
	if err := os.WriteFile(conf, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	rpm("--upgrade", filepath.Join(dist, "sersync-"+second+"-1."+arch+".rpm"))
	if b, err := os.ReadFile(conf); err != nil || string(b) != "mine" {
		t.Errorf("after the upgrade the configuration is %q, %v", b, err)
	}
	if out := run(t, filepath.Join(root, "usr/bin/sersync2"), "--version"); !strings.HasPrefix(out, "sersync "+second+" ") {
		t.Errorf("installed is %q", out)
	}
	rpm("--erase", "sersync")
	if _, err := os.Stat(filepath.Join(root, "usr/bin/sersync")); !os.IsNotExist(err) {
		t.Errorf("the program is still there: %v", err)
	}
	if b, err := os.ReadFile(conf + ".rpmsave"); err != nil || string(b) != "mine" {
		t.Errorf("the configuration was not kept: %q, %v", b, err)
	}
}

// built is the directory of the packages of both versions, root that of Debian.
var built, root string

func build(t *testing.T) string {
	t.Helper()
	if built != "" {
		return built
	}
	dir, err := os.MkdirTemp("", "sersync-dist")
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{first, second} {
		cmd := exec.CommandContext(t.Context(), "go", "run", ".", "-out", dir, "-version", version, "-arch", runtime.GOARCH)
		cmd.Dir = filepath.Join(testkit.Repository(), "packaging", "build")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, out)
		}
		// SHA256SUMS names the packages of the last run.
		sums := exec.CommandContext(t.Context(), "sha256sum", "--check", "SHA256SUMS")
		sums.Dir = dir
		if out, err := sums.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", sums, err, out)
		}
	}
	built = dir
	return dir
}

func TestMain(m *testing.M) {
	status := m.Run()
	for _, dir := range []string{built, root, bareRoot} {
		if dir != "" {
			os.RemoveAll(dir)
		}
	}
	os.Exit(status)
}

// debian returns the directory of a Debian root.
func debian(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("SERSYNC_DEBIAN_ROOT"); dir != "" {
		return dir
	}
	if root != "" {
		return root
	}
	dir, err := os.MkdirTemp("", "sersync-debian")
	if err != nil {
		t.Fatal(err)
	}
	root = dir
	run(t, "debootstrap", "--variant=minbase", "--include="+included, "bookworm", dir, "http://deb.debian.org/debian")
	return dir
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out.String())
	}
	return out.String()
}
