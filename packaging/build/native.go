package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // registers the format
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm" // registers the format
)

const description = `Mirrors directories to rsync targets as they change
sersync watches directories with inotify and keeps each of them mirrored on
any number of rsync targets. It is a drop-in for sersync 2.5.4: the same
options and the same confxml.xml.`

// native makes the .deb or .rpm and returns its name.
func (r release) native(format, arch string, c contents) (string, error) {
	list, err := c.product.entries(c)
	if err != nil {
		return "", err
	}
	if err := check(list); err != nil {
		return "", err
	}
	info := nfpm.WithDefaults(r.info(format, arch, c.product, list))
	packager, err := nfpm.Get(format)
	if err != nil {
		return "", err
	}
	name := packager.ConventionalFileName(info)
	f, err := os.Create(filepath.Join(r.out, name))
	if err != nil {
		return "", err
	}
	err = packager.Package(info, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("package %s: %w", name, err)
	}
	return name, nil
}

func (r release) info(format, arch string, p product, list []entry) *nfpm.Info {
	script := func(name string) string {
		return filepath.Join(r.tree, p.scripts, name+"."+format)
	}
	info := &nfpm.Info{
		Name: p.name, Arch: arch, Platform: "linux",
		Version: r.version, VersionSchema: "semver", Release: "1", MTime: r.time,
		Section: "net", Priority: "optional", License: "Apache-2.0",
		Maintainer:  "The sersync authors <sersync@users.noreply.github.com>",
		Homepage:    "https://github.com/sersync/sersync",
		Description: p.description,
	}
	if p.name != hub.name {
		info.Depends = []string{"rsync"}
	}
	if p.name == sersync.name {
		info.Suggests = []string{"openssh-client"}
	}
	if format == "rpm" {
		if p.name == sersync.name {
			info.Suggests = []string{"openssh-clients"}
		}
		info.RPM.Summary = p.summary
		info.RPM.Group = "Applications/System"
		info.RPM.BuildHost = "localhost" // not the name of this machine
	}
	info.Scripts = nfpm.Scripts{PostInstall: script("postinst"), PreRemove: script("prerm"), PostRemove: script("postrm")}
	for _, e := range list {
		info.Contents = append(info.Contents, r.content(e))
	}
	return info
}

func (r release) content(e entry) *files.Content {
	c := &files.Content{
		Source: e.source, Destination: e.target,
		FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: e.mode, MTime: r.time},
	}
	switch e.kind {
	case config:
		c.Type = files.TypeConfigNoReplace
	case link:
		c.Type = files.TypeSymlink
	case folder:
		c.Type = files.TypeDir
	case plain:
		c.Type = files.TypeFile
	}
	return c
}
