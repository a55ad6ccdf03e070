package examples

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/sersync/sersync/internal/testkit"
)

// TestQuickstart runs make run while its usual ports are taken. It uses other ports, its page is at
// the address that it prints, a file in the source arrives, and at its end everything that it has
// started ends, too.
func TestQuickstart(t *testing.T) {
	for _, address := range []string{"127.0.0.1:8730", "127.0.0.1:8008"} {
		if l, err := net.Listen("tcp", address); err == nil {
			defer l.Close()
		} // otherwise another program has the port already
	}
	out, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(testkit.Repository() + "/scripts/quickstart.sh")
	cmd.Env = append(os.Environ(), "SERSYNC_TEST_BINARY="+testkit.Build(t))
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := func() string {
		text, _ := os.ReadFile(out.Name())
		return string(text)
	}
	defer func() {
		if t.Failed() {
			t.Log(said())
		}
	}()
	page := regexp.MustCompile(`(?m)^  page    (http://127\.0\.0\.1:(\d+)/)$`)
	testkit.Eventually(t, arrival, "the page answers where the first lines say", func() bool {
		m := page.FindStringSubmatch(said())
		if m == nil || m[2] == "8008" {
			return false
		}
		r, err := http.Get(m[1])
		if err != nil {
			return false
		}
		defer r.Body.Close()
		text, _ := io.ReadAll(r.Body)
		return r.StatusCode == http.StatusOK && strings.Contains(string(text), "sersync")
	})
	testkit.Eventually(t, arrival, "a file arrives", func() bool { return strings.Contains(said(), "  arrived  ") })
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	testkit.Eventually(t, arrival, "it ends", func() bool { return len(ended) == 1 })
	if target := regexp.MustCompile(`(?m)^  target  (\S+)`).FindStringSubmatch(said()); target == nil || testkit.Exists(target[1]) {
		t.Errorf("the target is left: %q", target)
	}
}
