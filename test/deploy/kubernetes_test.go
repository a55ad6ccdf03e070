package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
	_ "k8s.io/kubectl/pkg/util/slice" // this module contains the schemas of Kubernetes

	"github.com/sersync/sersync/internal/testkit"
	"github.com/sersync/sersync/pkg/confxml"
)

// manifests are the files that users apply.
func manifests(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(top, "examples/kubernetes/*.yaml"))
	must(t, err)
	if len(names) < 2 {
		t.Fatalf("only %d manifests", len(names))
	}
	return names
}

// documents are the objects of a manifest in the form in which the API server gets them.
func documents(t *testing.T, text string) []map[string]any {
	t.Helper()
	var list []map[string]any
	for d := yaml.NewDecoder(strings.NewReader(text)); ; {
		var object map[string]any
		err := d.Decode(&object)
		if errors.Is(err, io.EOF) {
			return list
		}
		must(t, err)
		if object != nil {
			list = append(list, object)
		}
	}
}

// kubernetes is the schema that Kubernetes publishes for its objects, changed so that it allows no
// further fields.
type kubernetes struct {
	compiler *jsonschema.Compiler
}

func kubernetesSchema(t *testing.T) kubernetes {
	t.Helper()
	module := output(t, exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/kubectl"))
	text := read(t, filepath.Join(module, "testdata/openapi/swagger.json"))
	// A value that OpenAPI 2 describes as a string may also be a number here.
	text = strings.ReplaceAll(text, `"format": "int-or-string",`, `"x-format": "int-or-string",`)
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	must(t, err)
	for name, definition := range document.(map[string]any)["definitions"].(map[string]any) {
		d := definition.(map[string]any)
		switch {
		case strings.HasSuffix(name, ".IntOrString") || strings.HasSuffix(name, ".Quantity"):
			delete(d, "type")
		case d["properties"] != nil:
			d["additionalProperties"] = false
		}
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	must(t, c.AddResource("swagger.json", document))
	return kubernetes{c}
}

// kinds are the definitions of the kinds of objects that the manifests use.
var kinds = map[string]string{
	"v1/ConfigMap":       "io.k8s.api.core.v1.ConfigMap",
	"v1/Secret":          "io.k8s.api.core.v1.Secret",
	"apps/v1/Deployment": "io.k8s.api.apps.v1.Deployment",
	"apps/v1/DaemonSet":  "io.k8s.api.apps.v1.DaemonSet",
}

// check checks one object by its schema.
func (k kubernetes) check(object map[string]any) error {
	kind := fmt.Sprintf("%v/%v", object["apiVersion"], object["kind"])
	definition, ok := kinds[kind]
	if !ok {
		return fmt.Errorf("no schema is looked up for %s", kind)
	}
	schema, err := k.compiler.Compile("swagger.json#/definitions/" + definition)
	if err != nil {
		return err
	}
	text, err := json.Marshal(object) // numbers become the numbers of JSON
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// TestManifestSchema: each object conforms to the schema of Kubernetes, so no name in it is
// misspelt, and --check finds no problem in its configuration.
func TestManifestSchema(t *testing.T) {
	schema := kubernetesSchema(t)
	for _, file := range manifests(t) {
		text := read(t, file)
		for _, object := range documents(t, text) {
			if err := schema.check(object); err != nil {
				t.Errorf("%s: %v", filepath.Base(file), err)
			}
			data, _ := object["data"].(map[string]any)
			if conf, ok := data["confxml.xml"].(string); ok {
				read, err := confxml.Parse("confxml.xml", []byte(conf))
				if err == nil {
					err = read.ValidateSync()
				}
				for _, w := range read.Warnings {
					if !strings.Contains(w.Message, "NODE_NAME") { // the node sets this variable
						t.Errorf("%s: %s", filepath.Base(file), w)
					}
				}
				if err != nil {
					t.Errorf("%s: %v", filepath.Base(file), err)
				}
			}
		}
		for _, slip := range [][2]string{
			{"readOnlyRootFilesystem:", "readonlyRootFilesystem:"}, {"containerPort: 8008", "containerPort: status"},
			{"livenessProbe:", "liveness:"}, {"mountPath: /tmp", "path: /tmp"}, {"- name: status\n", "- port: status\n"},
		} {
			broken, found := strings.Replace(text, slip[0], slip[1], 1), 0
			for _, object := range documents(t, broken) {
				if schema.check(object) != nil {
					found++
				}
			}
			if broken == text || found == 0 {
				t.Errorf("%s: %q is not found", filepath.Base(file), slip[1])
			}
		}
	}
}

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

// quiet fails the test if the program has logged a warning.
func quiet(t *testing.T, c container) {
	t.Helper()
	for line := range strings.Lines(c.log()) {
		if words := strings.Fields(line); len(words) > 2 && (words[2] == "WARN" || words[2] == "ERROR") {
			t.Errorf("it warns: %s", line)
		}
	}
}

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
