package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"
)

// bom is a CycloneDX 1.5 document, as far as it is used here.
type bom struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
	Depends    []depends   `json:"dependencies"`
}

type metadata struct {
	Timestamp time.Time `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type     string     `json:"type"`
	Ref      string     `json:"bom-ref"`
	Name     string     `json:"name"`
	Version  string     `json:"version"`
	PURL     string     `json:"purl,omitempty"`
	Hashes   []hash     `json:"hashes,omitempty"`
	Licenses []license  `json:"licenses,omitempty"`
	Property []property `json:"properties,omitempty"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type license struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type depends struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

// writeSBOM writes what the binary says it was built from, and returns the
// name of the file.
func (r release) writeSBOM(product, binary, arch string) (string, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return "", err
	}
	sum, err := fileSum(binary)
	if err != nil {
		return "", err
	}
	data, err := json.MarshalIndent(r.bom(info, sum, arch), "", "  ")
	if err != nil {
		return "", err
	}
	name := fmt.Sprintf("%s-%s-linux-%s.cdx.json", product, r.version, arch)
	return name, os.WriteFile(filepath.Join(r.out, name), append(data, '\n'), 0o644)
}

func (r release) bom(info *debug.BuildInfo, sum, arch string) bom {
	main := module(info.Main.Path, "v"+r.version, "")
	main.Type = "application"
	main.Hashes = []hash{{"SHA-256", sum}}
	main.Licenses = make([]license, 1)
	main.Licenses[0].License.ID = "Apache-2.0"
	main.Property = []property{{"goarch", arch}}
	b := bom{Format: "CycloneDX", Spec: "1.5", Version: 1, Metadata: metadata{r.time, main}}
	std := module("stdlib", info.GoVersion, "")
	b.Components = []component{std}
	on := []string{std.Ref}
	for _, dep := range info.Deps {
		if dep.Replace != nil {
			dep = dep.Replace
		}
		c := module(dep.Path, dep.Version, dep.Sum)
		b.Components = append(b.Components, c)
		on = append(on, c.Ref)
	}
	b.Depends = []depends{{main.Ref, on}}
	return b
}

// module is a Go module as a component; sum is its line of go.sum.
func module(path, version, sum string) component {
	purl := "pkg:golang/" + path + "@" + version
	c := component{Type: "library", Ref: purl, Name: path, Version: version, PURL: purl}
	if sum != "" {
		c.Property = []property{{"go.sum", sum}}
	}
	return c
}
