package deploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
	_ "k8s.io/kubectl/pkg/util/slice" // this module contains the schemas of Kubernetes

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
