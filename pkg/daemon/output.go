package daemon

import (
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/daemonize"
	"github.com/sersync/sersync/pkg/instance"
)

// letGo has a daemon that has detached itself write to a file of its own instead of its caller's
// output, and tells the caller the name of that file. It is called after 2.5.4's lines, and before
// the caller is told that the daemon works. Without a state directory there is no such file.
func (d *Daemon) letGo(file, stateDir string) {
	if !d.opt.Child.Detached() {
		return
	}
	held := daemonize.Held()
	if len(held) == 0 {
		return
	}
	path := ""
	if stateDir != "" {
		path = instance.Output(stateDir, file, d.opt.Command.Module)
	}
	if d.opt.Logging.ToStandard() && slices.Contains(held, 2) {
		if path == "" {
			_, _ = fmt.Fprintf(d.opt.Banner.Err, "sersync: the log ends here, there is no place for it; %s\n", instance.StateRemedy)
		} else {
			_, _ = fmt.Fprintf(d.opt.Banner.Err, "sersync: the log goes on in %s; sersync --log prints it\n", path)
		}
	}
	err := d.output.LetGo(held, path)
	if err == nil {
		err = d.opt.Logging.StandardMoved()
	}
	if err != nil {
		d.log.Warn("the output of the starting process stays open", zap.Error(err), zap.String("remedy", instance.StateRemedy))
	}
}
