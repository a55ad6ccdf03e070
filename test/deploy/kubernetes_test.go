package deploy

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSidecar runs the pod of the sidecar. A file that is written to the volume arrives, a new
// ConfigMap takes effect, the page requires the token of the Secret, and the pod ends in order.
func TestSidecar(t *testing.T) {
	n := newNode(t, "sidecar.yaml")
	secret := n.find("Secret", "sersync").StringData
	dst := n.receiver("files.example.com", "site", "web", secret["web.pas"])
	write(t, filepath.Join(n.path("content"), "before.html"), "1\n")
	c := n.run()
	arrives(t, filepath.Join(dst, "before.html"), "1\n")
	write(t, filepath.Join(n.path("content"), "new/page.html"), "2\n")
	arrives(t, filepath.Join(dst, "new/page.html"), "2\n")
	if out, status := c.exec("--check", "--connect"); status != 0 {
		t.Errorf("--check --connect in the container: status %d\n%s", status, out)
	}
	if out, status := c.exec("--wait=30"); status != 0 {
		t.Errorf("--wait: status %d\n%s", status, out)
	}
	quiet(t, c)

	url := "http://" + c.address() + ":8008/metrics"
	if status, _ := get(url, ""); status != http.StatusUnauthorized {
		t.Errorf("metrics without the token: %d", status)
	}
	if status, body := get(url, secret["token"]); status != http.StatusOK || !strings.Contains(body, "sersync_level 0") {
		t.Errorf("metrics: %d\n%s", status, body)
	}

	config := n.find("ConfigMap", "sersync").Data
	config["confxml.xml"] = strings.Replace(config["confxml.xml"], `<filter start="false"/>`, `<filter start="true"><exclude expression="(.*)\.tmp"/></filter>`, 1)
	n.project("config", config, 0o644)
	if out, status := c.exec("--reload"); status != 0 {
		t.Fatalf("--reload: status %d\n%s", status, out)
	}
	write(t, filepath.Join(n.path("content"), "a.tmp"), "x")
	write(t, filepath.Join(n.path("content"), "after.html"), "3\n")
	arrives(t, filepath.Join(dst, "after.html"), "3\n")
	if _, err := os.Stat(filepath.Join(dst, "a.tmp")); err == nil {
		t.Error("the filter of the new ConfigMap is not in force")
	}
	if status := c.stop(); status != "0" {
		t.Errorf("exit status %s after SIGTERM", status)
	}
}

// TestDaemonSet runs the pod of one node: a directory of the node, with files that only their owner
// may read, is synced to a directory with the node's name. A new pod catches up.
func TestDaemonSet(t *testing.T) {
	n := newNode(t, "daemonset.yaml")
	secret := n.find("Secret", "sersync-node").StringData
	dst := n.receiver("backup.example.com", "nodes", "nodes", secret["nodes.pas"])
	private := filepath.Join(n.path("data"), "private")
	must(t, os.WriteFile(private, []byte("1\n"), 0o600))
	must(t, os.Chown(private, 4711, 4711))
	c := n.run()
	write(t, filepath.Join(n.path("data"), "log/a"), "2\n")
	arrives(t, filepath.Join(dst, "node-7/log/a"), "2\n")
	must(t, os.WriteFile(private, []byte("changed\n"), 0o600))
	arrives(t, filepath.Join(dst, "node-7/private"), "changed\n")
	if out, status := c.exec("--check", "--connect"); status != 0 {
		t.Errorf("--check --connect in the container: status %d\n%s", status, out)
	}
	quiet(t, c)
	if status := c.stop(); status != "0" {
		t.Errorf("exit status %s after SIGTERM", status)
	}
	podman(t, "rm", n.name)
	write(t, filepath.Join(n.path("data"), "meanwhile"), "3\n")
	n.run()
	arrives(t, filepath.Join(dst, "node-7/meanwhile"), "3\n")
}

// quiet fails the test if the program has logged a warning.
func quiet(t *testing.T, c container) {
	t.Helper()
	for line := range strings.Lines(c.log()) {
		if words := strings.Fields(line); len(words) > 2 && (words[2] == "WARN" || words[2] == "ERROR") {
			t.Errorf("it warns: %s", line)
		}
	}
}
