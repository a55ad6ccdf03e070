package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// version is set by the build: -ldflags "-X github.com/sersync/sersync/pkg/cli.version=3.0.1".
var version string

// ReleaseVersion is the version without anything else, "devel" when unknown.
func ReleaseVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = nil
	}
	return releaseOf(version, info)
}

// VersionLine is what --version prints.
func VersionLine() string {
	line := "sersync " + ReleaseVersion()
	if info, ok := debug.ReadBuildInfo(); ok {
		line += commitOf(info)
	}
	return fmt.Sprintf("%s %s %s/%s", line, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func releaseOf(linked string, info *debug.BuildInfo) string {
	switch {
	case linked != "":
		return linked
	case info != nil && info.Main.Version != "" && info.Main.Version != "(devel)":
		return info.Main.Version
	}
	return "devel"
}

// commitOf is " (COMMIT)", with a mark when the source tree had uncommitted changes.
func commitOf(info *debug.BuildInfo) string {
	var commit, mark string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			mark = " modified"
		}
	}
	if commit == "" {
		return ""
	}
	return " (" + commit + mark + ")"
}
