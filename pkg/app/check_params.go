package app

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"time"

	"github.com/sersync/sersync/pkg/transport/rsync"
)

// paramsTime bounds the question to the rsync on this host.
const paramsTime = 3 * time.Second

// refusedHere has the rsync on this host read a target's parameters, and returns what rsync objects
// to; empty: nothing. A program that ends at once takes the place of the connection that rsync
// would make, so that no remote is contacted.
func refusedHere(program string, t rsync.Target) string {
	if t.Params.NamesFiles { // such a file may be written by the trial, or is judged by its own name
		return ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), paramsTime)
	defer cancel()
	args := t.Params.Args()
	if t.SSH || t.Params.RemoteShell {
		args = append(args, "-e", "false")
	}
	cmd := exec.CommandContext(ctx, program, append(args, "./", t.Into())...) //nolint:gosec // named by the configuration, which is trusted
	cmd.Dir = os.TempDir()
	cmd.Env = append(os.Environ(), "RSYNC_CONNECT_PROG=false", "LC_ALL=C")
	said, err := cmd.CombinedOutput()
	var end *exec.ExitError
	if !errors.As(err, &end) {
		return ""
	}
	return rsync.RefusedParameters(t, end.ExitCode(), string(said))
}
