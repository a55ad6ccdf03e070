package app

import (
	"runtime/debug"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/inotify"
)

// garbagePercent lets the heap grow by half, not to the double, before it is
// collected: what is dirty during an outage lives for long, and its memory is
// bounded. Collecting costs little, since one changed path makes little garbage.
const garbagePercent = 50

// boundMemory applies garbagePercent, unless the operator has chosen otherwise (GOGC).
func boundMemory(getenv func(string) string) {
	if getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}

// raiseLimits raises the kernel's limits and tells what became of them.
func raiseLimits(log *zap.Logger) []cli.Limit {
	var out []cli.Limit
	for _, l := range inotify.RaiseLimits(log) {
		out = append(out, cli.Limit{Path: l.Path, Value: l.Want, Raised: l.Raised, Err: l.Err})
	}
	return out
}
