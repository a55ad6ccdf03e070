package daemon

import (
	"os"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/cli"
	"github.com/sersync/sersync/pkg/inotify"
)

// raiseLimits raises the kernel's limits and tells what became of them.
func raiseLimits(log *zap.Logger) []cli.Limit {
	var out []cli.Limit
	for _, l := range inotify.RaiseLimits(log) {
		out = append(out, cli.Limit{Path: l.Path, Value: l.Want, Raised: l.Raised, Err: l.Err})
	}
	return out
}

// watchLimit is fs.inotify.max_user_watches, 0 when unknown.
func watchLimit() int {
	data, err := os.ReadFile("/proc/sys/fs/inotify/max_user_watches")
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return n
}
