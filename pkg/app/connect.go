package app

import (
	"context"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/daemon"
	"github.com/sersync/sersync/pkg/laneconf"
	"github.com/sersync/sersync/pkg/lanestate"
	"github.com/sersync/sersync/pkg/lock"
	"github.com/sersync/sersync/pkg/preflight"
	"github.com/sersync/sersync/pkg/transport/rsync"
	"github.com/sersync/sersync/pkg/words"
)

// connect is --check --connect: what a configuration says is tried, and everything left as it was.
func connect(ctx context.Context, conf confxml.Config, chinese bool) (*preflight.Report, error) {
	site := preflight.Site{
		Program: conf.Rsync.Program, Env: rsyncEnvironment(), Proxied: proxied(), Delete: conf.Inotify.Delete,
		Language: preflight.Language{Chinese: chinese, Foreign: words.Chinese},
	}
	wanted, others, err := lanestate.Dirs(conf.State.Dir)
	if err != nil {
		return nil, err
	}
	stateDirs := append([]string{wanted}, others...)
	source, _ := daemon.SourceName(wanted) // without a name the host and the directory identify the source
	lanes := map[string]bool{}
	for _, local := range conf.LocalPaths {
		dir, err := laneconf.Dir(local.Watch)
		if err != nil {
			continue // the findings say so
		}
		root := preflight.WatchRoot{Dir: dir, Marked: local.Backend == confxml.Fanotify, Holder: func(t rsync.Target) int { return holder(stateDirs, laneconf.ID(dir, t)) }}
		for _, remote := range local.Remotes {
			lane, err := laneconf.Of(conf, local, dir, remote)
			if err != nil || lanes[lane.ID] {
				continue // the findings say so
			}
			lanes[lane.ID] = true
			root.Targets = append(root.Targets, lane.Target)
		}
		for _, to := range local.Streams {
			id := laneconf.StreamID(dir, to)
			if lanes[id] {
				continue
			}
			lanes[id] = true
			root.Streams = append(root.Streams, preflight.Stream{Options: laneconf.Publishing(dir, to, source), Holder: holder(stateDirs, id)})
		}
		site.Roots = append(site.Roots, root)
	}
	return site.Run(ctx)
}

// holder is the process that serves a lane, wherever it keeps its state; 0: none.
func holder(stateDirs []string, lane string) int {
	for _, dir := range stateDirs {
		if dir == "" {
			continue
		}
		if pid := lock.Holder(dir, lane); pid > 0 {
			return pid
		}
	}
	return 0
}
