package plugins

import (
	"errors"
	"path/filepath"
	"strconv"

	"github.com/sersync/sersync/pkg/confxml"
)

// WatchAlone is the directory that a plugin watches which runs alone: own, its own
// watch path, or without one that of the first localpath.
func WatchAlone(conf confxml.Config, own string) (string, error) {
	if own != "" {
		return own, nil
	}
	if len(conf.LocalPaths) > 0 && conf.LocalPaths[0].Watch != "" {
		return conf.LocalPaths[0].Watch, nil
	}
	return "", errors.New("no directory to watch: add <localpath watch=\"...\"> to the plugin or to <sersync>")
}

// Unrelated says what is wrong with a plugin's own watch path that has nothing to
// do with what is synced: the plugin would never hear of anything. "" means
// nothing is wrong.
func Unrelated(conf confxml.Config, watch string) string {
	if watch == "" {
		return ""
	}
	for _, local := range conf.LocalPaths {
		if Related(RealWatch(local.Watch), RealWatch(watch)) {
			return ""
		}
	}
	return "no localpath has to do with " + strconv.Quote(watch) + ": the plugin hears of nothing; correct watch=, or remove it to hear of every localpath"
}

// RealWatch is a watch path absolute and without links, as the paths of events
// are; of what does not exist the links stay.
func RealWatch(watch string) string {
	if dir, err := confxml.RealPath(watch); err == nil {
		return dir
	}
	if abs, err := filepath.Abs(watch); err == nil {
		return abs
	}
	return watch
}
