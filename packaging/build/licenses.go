package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// licenseNames are the files that hold a licence, as modules call them.
var licenseNames = []string{"LICENSE*", "LICENCE*", "COPYING*", "NOTICE*", "License*", "license*"}

// collectLicenses writes the licences of every module that the binary holds:
// most of them demand to be shipped with it.
func (r release) collectLicenses(ctx context.Context, binary, to string) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString("sersync holds parts of the following modules.\n")
	for _, dep := range info.Deps {
		dir, err := r.moduleDir(ctx, dep.Path)
		if err != nil {
			return err
		}
		if err := appendLicenses(&b, dep.Path+" "+dep.Version, dir); err != nil {
			return err
		}
	}
	root, err := goRoot(ctx)
	if err != nil {
		return err
	}
	if err := appendLicenses(&b, "the Go standard library "+info.GoVersion, root); err != nil {
		return err
	}
	return os.WriteFile(to, b.Bytes(), 0o644)
}

func (r release) moduleDir(ctx context.Context, path string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", path)
	cmd.Dir = r.tree
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("directory of %s: %w", path, err)
	}
	return strings.TrimSpace(string(out)), nil
}

func goRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOROOT: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// appendLicenses appends the licence files of a directory. None at all is an
// error: then nobody knows on what terms the module may be shipped.
func appendLicenses(b *bytes.Buffer, title, dir string) error {
	found := false
	for _, pattern := range licenseNames {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				continue // a directory of that name
			}
			found = true
			fmt.Fprintf(b, "\n%s\n%s: %s\n\n%s\n", strings.Repeat("-", 72), title, filepath.Base(name), bytes.TrimSpace(text))
		}
	}
	if !found {
		return fmt.Errorf("%s: no licence in %s", title, dir)
	}
	return nil
}
