package deploy

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/sersync/sersync/internal/testkit"
)

// These are the parts of a manifest that the kubelet, and this test, act upon.
type (
	object struct {
		Kind       string
		Metadata   struct{ Name string }
		Data       map[string]string
		StringData map[string]string `yaml:"stringData"`
		Spec       struct{ Template struct{ Spec podSpec } }
	}
	podSpec struct {
		SecurityContext struct {
			RunAsUser  *int `yaml:"runAsUser"`
			RunAsGroup *int `yaml:"runAsGroup"`
			FSGroup    *int `yaml:"fsGroup"`
		} `yaml:"securityContext"`
		TerminationGracePeriodSeconds int `yaml:"terminationGracePeriodSeconds"`
		Containers                    []podContainer
		Volumes                       []volume
	}
	podContainer struct {
		Name, Image     string
		Args            []string
		Env             []struct{ Name string }
		SecurityContext struct {
			RunAsUser                *int  `yaml:"runAsUser"`
			ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
			AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
			Capabilities             struct{ Drop, Add []string }
		} `yaml:"securityContext"`
		LivenessProbe  probe `yaml:"livenessProbe"`
		ReadinessProbe probe `yaml:"readinessProbe"`
		VolumeMounts   []struct {
			Name      string
			MountPath string `yaml:"mountPath"`
			ReadOnly  bool   `yaml:"readOnly"`
		} `yaml:"volumeMounts"`
	}
	probe struct {
		HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
	}
	volume struct {
		Name      string
		EmptyDir  *struct{} `yaml:"emptyDir"`
		ConfigMap *struct {
			Name        string
			DefaultMode *int `yaml:"defaultMode"`
		} `yaml:"configMap"`
		Secret *struct {
			SecretName  string `yaml:"secretName"`
			DefaultMode *int   `yaml:"defaultMode"`
		}
		HostPath *struct{ Path string } `yaml:"hostPath"`
	}
)

// node does with a pod what the kubelet does: it makes the volumes with the owners, modes and links
// that a real node gives them, and starts the container under its security contexts.
type node struct {
	t       *testing.T
	dir     string
	name    string // the name of the network and of the node
	objects []object
	pod     podSpec
	sersync podContainer
}

func newNode(t *testing.T, manifest string) *node {
	t.Helper()
	images(t)
	n := &node{t: t, dir: t.TempDir(), name: "node-" + strings.TrimSuffix(manifest, ".yaml")}
	text := read(t, filepath.Join(top, "examples/kubernetes", manifest))
	for d := yaml.NewDecoder(strings.NewReader(text)); ; {
		var o object
		err := d.Decode(&o)
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		n.objects = append(n.objects, o)
		if len(o.Spec.Template.Spec.Containers) > 0 {
			n.pod = o.Spec.Template.Spec
		}
	}
	i := slices.IndexFunc(n.pod.Containers, func(c podContainer) bool { return c.Name == "sersync" })
	if i < 0 {
		t.Fatalf("%s: no container sersync", manifest)
	}
	n.sersync = n.pod.Containers[i]
	testkit.OpenToAll(t, n.dir)
	for _, v := range n.pod.Volumes {
		n.make(v)
	}
	return n
}

// path is the path of a volume on the node.
func (n *node) path(volume string) string { return filepath.Join(n.dir, volume) }

func (n *node) make(v volume) {
	n.t.Helper()
	dir := n.path(v.Name)
	must(n.t, os.Mkdir(dir, 0o755))
	mode := func(given *int) os.FileMode {
		if given == nil {
			return 0o644
		}
		return os.FileMode(*given)
	}
	switch {
	case v.EmptyDir != nil:
		must(n.t, os.Chmod(dir, 0o777))
		n.group(dir, os.ModeSetgid|0o777)
	case v.ConfigMap != nil:
		n.project(v.Name, n.find("ConfigMap", v.ConfigMap.Name).Data, mode(v.ConfigMap.DefaultMode))
	case v.Secret != nil:
		n.project(v.Name, n.find("Secret", v.Secret.SecretName).StringData, mode(v.Secret.DefaultMode))
	case v.HostPath == nil:
		n.t.Fatalf("no test for the volume %+v", v)
	}
}

// group gives a file of a volume to the group fsGroup, if there is one.
func (n *node) group(file string, mode os.FileMode) {
	n.t.Helper()
	if g := n.pod.SecurityContext.FSGroup; g != nil {
		must(n.t, os.Chown(file, -1, *g))
		must(n.t, os.Chmod(file, mode))
	}
}

func (n *node) find(kind, name string) object {
	n.t.Helper()
	for _, o := range n.objects {
		if o.Kind == kind && o.Metadata.Name == name {
			return o
		}
	}
	n.t.Fatalf("no %s %s", kind, name)
	return object{}
}

// project writes files in the same way as the kubelet: they are in a new directory, to which the
// link ..data is moved in one step, and each name is a link through ..data.
func (n *node) project(volume string, files map[string]string, mode os.FileMode) {
	n.t.Helper()
	dir := n.path(volume)
	version, err := os.MkdirTemp(dir, "..")
	must(n.t, err)
	must(n.t, os.Chmod(version, 0o755))
	for name, text := range files {
		file := filepath.Join(version, name)
		must(n.t, os.WriteFile(file, []byte(text), 0o600))
		must(n.t, os.Chmod(file, mode))
		n.group(file, mode|0o440)
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); !errors.Is(err, os.ErrExist) {
			must(n.t, err)
		}
	}
	must(n.t, os.Symlink(filepath.Base(version), filepath.Join(dir, "..data_tmp")))
	must(n.t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
}

// args are the arguments with which podman runs the container.
func (n *node) args() []string {
	n.t.Helper()
	security, c := n.pod.SecurityContext, n.sersync.SecurityContext
	args := []string{"--network=" + n.name, "--read-only-tmpfs=false", fmt.Sprintf("--read-only=%t", c.ReadOnlyRootFilesystem)}
	user := c.RunAsUser
	if user == nil {
		user = security.RunAsUser
	}
	group := security.RunAsGroup
	if group == nil {
		group = new(int)
	}
	args = append(args, fmt.Sprintf("--user=%d:%d", *user, *group))
	if security.FSGroup != nil {
		args = append(args, "--group-add="+strconv.Itoa(*security.FSGroup))
	}
	if c.AllowPrivilegeEscalation != nil && !*c.AllowPrivilegeEscalation {
		args = append(args, "--security-opt=no-new-privileges")
	}
	for _, capability := range c.Capabilities.Drop {
		args = append(args, "--cap-drop="+capability)
	}
	for _, capability := range c.Capabilities.Add {
		args = append(args, "--cap-add="+capability)
	}
	for _, e := range n.sersync.Env {
		args = append(args, "--env="+e.Name+"=node-7")
	}
	for _, m := range n.sersync.VolumeMounts {
		way := "rw"
		if m.ReadOnly {
			way = "ro"
		}
		args = append(args, fmt.Sprintf("--volume=%s:%s:%s", n.path(m.Name), m.MountPath, way))
	}
	return append(args, n.sersync.Image)
}

// run starts the container and waits until its probes succeed.
func (n *node) run() container {
	n.t.Helper()
	c := start(n.t, n.name, append(n.args(), n.sersync.Args...)...)
	url := "http://" + c.address() + ":8008"
	for _, p := range []probe{n.sersync.LivenessProbe, n.sersync.ReadinessProbe} {
		if p.HTTPGet.Path == "" || p.HTTPGet.Port != "status" {
			n.t.Fatalf("the probe is %+v", p)
		}
		testkit.Eventually(n.t, limit, p.HTTPGet.Path+" answers", func() bool {
			status, _ := get(url+p.HTTPGet.Path, "")
			return status == http.StatusOK
		})
	}
	return c
}

// receiver is an rsync daemon that has the host name of the manifest.
func (n *node) receiver(host, module, user, password string) (dst string) {
	n.t.Helper()
	network(n.t, n.name)
	etc := n.path("receiver")
	dst = n.path("received")
	must(n.t, os.Mkdir(dst, 0o755))
	write(n.t, filepath.Join(etc, "rsyncd.conf"), "uid = 0\ngid = 0\nuse chroot = no\n["+module+"]\npath = /srv\nread only = no\nauth users = "+user+"\nsecrets file = /etc/rsync/secrets\n")
	must(n.t, os.WriteFile(filepath.Join(etc, "secrets"), []byte(user+":"+password+"\n"), 0o600))
	start(n.t, n.name+"-receiver", "--network="+n.name, "--network-alias="+host, "--volume="+etc+":/etc/rsync:ro", "--volume="+dst+":/srv",
		"--entrypoint", `["rsync","--daemon","--no-detach","--log-file=/dev/stderr","--config=/etc/rsync/rsyncd.conf"]`, rootImage)
	return dst
}
