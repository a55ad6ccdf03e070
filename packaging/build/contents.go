package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// contents is what goes into a package of one format: deb, rpm or tar.
type contents struct {
	tree     string
	binary   string
	licenses string
	format   string
	product  product
}

// kind is how a package manager treats a file.
type kind uint8

const (
	plain  kind = iota
	config      // kept as the administrator left it, also on upgrades
	link        // source is the target of a symbolic link
	folder      // an empty directory; source is not used
)

// entry is one file of a package.
type entry struct {
	source string // on this machine; of a link: its target
	target string
	mode   fs.FileMode
	kind   kind
}

const docDir = "/usr/share/doc/sersync"

// entries are the files of the .deb or .rpm of sersync, by their place on the system.
func (c contents) entries() ([]entry, error) {
	initScript := "/etc/init.d/sersync"
	if c.format == "rpm" {
		// /etc/init.d is a link to this directory there.
		initScript = "/etc/rc.d/init.d/sersync"
	}
	zshDir := "/usr/share/zsh/vendor-completions"
	if c.format == "rpm" {
		zshDir = "/usr/share/zsh/site-functions"
	}
	list := []entry{
		{c.binary, "/usr/bin/sersync", 0o755, plain},
		{"sersync", "/usr/bin/sersync2", 0o777, link},
		// It may name users, hosts and the password of a CDN.
		{c.path("examples/confxml.xml"), "/etc/sersync/confxml.xml", 0o640, config},
		{c.path("packaging/sysv/sersync"), initScript, 0o755, config},
		{c.path("packaging/sysv/sersync.default"), "/etc/default/sersync", 0o644, config},
		{c.path("packaging/logrotate/sersync"), "/etc/logrotate.d/sersync", 0o644, config},
		{c.path("packaging/systemd/sersync.service"), "/usr/lib/systemd/system/sersync.service", 0o644, plain},
		{c.path("packaging/systemd/sersync@.service"), "/usr/lib/systemd/system/sersync@.service", 0o644, plain},
		{c.path("packaging/sysctl.d/60-sersync.conf"), "/usr/lib/sysctl.d/60-sersync.conf", 0o644, plain},
		{c.path("packaging/tmpfiles.d/sersync.conf"), "/usr/lib/tmpfiles.d/sersync.conf", 0o644, plain},
		{c.path("packaging/systemd/dedicated-user.conf"), docDir + "/systemd/dedicated-user.conf", 0o644, plain},
		{c.path("packaging/systemd/command-plugin.conf"), docDir + "/systemd/command-plugin.conf", 0o644, plain},
		{c.path("packaging/prometheus/sersync.rules.yml"), docDir + "/prometheus/sersync.rules.yml", 0o644, plain},
		{c.path("packaging/grafana/sersync.json"), docDir + "/grafana/sersync.json", 0o644, plain},
		{c.path("packaging/xsd/confxml.xsd"), "/usr/share/xml/sersync/confxml.xsd", 0o644, plain},
		{c.path("packaging/man/sersync.8"), "/usr/share/man/man8/sersync.8", 0o644, plain},
		{"sersync.8", "/usr/share/man/man8/sersync2.8", 0o777, link},
		{c.path("packaging/man/confxml.xml.5"), "/usr/share/man/man5/confxml.xml.5", 0o644, plain},
		{c.path("packaging/completion/sersync.bash"), "/usr/share/bash-completion/completions/sersync", 0o644, plain},
		{"sersync", "/usr/share/bash-completion/completions/sersync2", 0o777, link},
		{c.path("packaging/completion/_sersync"), zshDir + "/_sersync", 0o644, plain},
		{c.path("LICENSE"), docDir + "/copyright", 0o644, plain},
		{c.licenses, docDir + "/THIRD_PARTY_LICENSES", 0o644, plain},
	}
	for _, name := range []string{"README.md", "README.zh.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"} {
		list = append(list, entry{c.path(name), docDir + "/" + name, 0o644, plain})
	}
	for _, dir := range []string{"docs", "examples"} {
		below, err := c.below(dir)
		if err != nil {
			return nil, err
		}
		list = append(list, below...)
	}
	return list, nil
}

func (c contents) path(name string) string { return filepath.Join(c.tree, name) }

// below are all files of a directory of the source tree, as documentation.
func (c contents) below(dir string) ([]entry, error) {
	var list []entry
	err := filepath.WalkDir(c.path(dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(c.tree, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if info.Mode()&0o111 != 0 {
			mode = 0o755 // an example that is to be run
		}
		list = append(list, entry{path, docDir + "/" + filepath.ToSlash(rel), mode, plain})
		return nil
	})
	return list, err
}

// portable are the files of the tarball, by their place in it.
func (c contents) portable() ([]entry, error) {
	installed, err := c.product.entries(c)
	if err != nil {
		return nil, err
	}
	docDir := "/usr/share/doc/" + c.product.name
	var list []entry
	for _, e := range installed {
		switch {
		case strings.HasPrefix(e.target, "/usr/bin/"):
			e.target = strings.TrimPrefix(e.target, "/usr/bin/")
		case e.target == docDir+"/copyright":
			e.target = "LICENSE"
		case strings.HasPrefix(e.target, docDir+"/"):
			e.target = strings.TrimPrefix(e.target, docDir+"/")
		default:
			e.target = "root" + e.target
		}
		list = append(list, e)
	}
	return list, nil
}

// check says which source is missing: nfpm would take a missing file for a
// pattern.
func check(list []entry) error {
	for _, e := range list {
		if e.kind == link || e.kind == folder {
			continue
		}
		if _, err := os.Stat(e.source); err != nil {
			return fmt.Errorf("content %s: %w", e.target, err)
		}
	}
	return nil
}
