package main

import (
	"archive/tar"
	"compress/gzip"
	"debug/buildinfo"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNewestVersion(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"# Changes\n\n## 3.1.0 - 2026-01-01\n\n## 3.0.0\n", "3.1.0"},
		{"## Unreleased\n## 3.0.0 - unreleased\n", "3.0.0"},
		{"# Changes\n### 3.0.0\n", ""},
	} {
		got, err := newestVersion(tt.text)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q: %q, %v; want %q", tt.text, got, err, tt.want)
		}
	}
}

func TestChangelogHasAVersion(t *testing.T) {
	text, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newestVersion(string(text)); err != nil {
		t.Error(err)
	}
}

// self is this test's own binary: it has build information like any other.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestContents: every file that a package is to hold is in the tree, none is
// named twice, and what an administrator edits is a configuration file.
func TestContents(t *testing.T) {
	for _, p := range products {
		for _, format := range []string{"deb", "rpm", "tar"} {
			testContents(t, contents{tree: "../..", binary: self(t), licenses: "main.go", format: format, product: p})
		}
	}
}

func testContents(t *testing.T, c contents) {
	t.Helper()
	format := c.product.name + " " + c.format
	list, err := c.product.entries(c)
	if err != nil {
		t.Fatal(err)
	}
	if c.format == "tar" {
		if list, err = c.portable(); err != nil {
			t.Fatal(err)
		}
	}
	if err := check(list); err != nil {
		t.Errorf("%s: %v", format, err)
	}
	seen := map[string]bool{}
	for _, e := range list {
		if seen[e.target] {
			t.Errorf("%s: %s twice", format, e.target)
		}
		seen[e.target] = true
		if strings.HasSuffix(e.target, "/receive_socket.py") && e.mode != 0o755 {
			t.Errorf("%s: %s cannot be run as its page says", format, e.target)
		}
		if strings.HasPrefix(e.target, "/etc/") && e.kind != config {
			t.Errorf("%s: %s is not kept on upgrades", format, e.target)
		}
	}
}

// TestTarball: the same contents and time give the same bytes.
func TestTarball(t *testing.T) {
	at := time.Unix(1700000000, 0).UTC()
	var sums []string
	for range 2 {
		r := release{tree: "../..", out: t.TempDir(), version: "9.9.9", time: at}
		name, err := r.tarball("amd64", contents{r.tree, self(t), "main.go", "tar", sersync})
		if err != nil {
			t.Fatal(err)
		}
		sum, err := fileSum(filepath.Join(r.out, name))
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, sum)
		for _, want := range []string{"sersync", "LICENSE", "root/etc/sersync/confxml.xml", "docs/configuration.md", "THIRD_PARTY_LICENSES", "root/usr/share/bash-completion/completions/sersync"} {
			if !slices.Contains(names(t, filepath.Join(r.out, name)), "sersync-9.9.9-linux-amd64/"+want) {
				t.Errorf("no %s in the tarball", want)
			}
		}
	}
	if sums[0] != sums[1] {
		t.Error("two runs, two results")
	}
}

func names(t *testing.T, file string) []string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, h.Name)
	}
}

// TestSBOM: every module of a binary is a component.
func TestSBOM(t *testing.T) {
	r := release{out: t.TempDir(), version: "9.9.9", time: time.Unix(1700000000, 0).UTC()}
	name, err := r.writeSBOM("sersync", self(t), "amd64")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(r.out, name))
	if err != nil {
		t.Fatal(err)
	}
	var b bom
	if err := json.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(self(t))
	if err != nil {
		t.Fatal(err)
	}
	if b.Format != "CycloneDX" || b.Spec != "1.5" || len(info.Deps) == 0 || len(b.Components) != len(info.Deps)+1 {
		t.Errorf("%s %s with %d components for %d modules", b.Format, b.Spec, len(b.Components), len(info.Deps))
	}
	if len(b.Depends) != 1 || len(b.Depends[0].On) != len(b.Components) {
		t.Errorf("the dependencies are not complete: %v", b.Depends)
	}
}
