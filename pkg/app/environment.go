package app

import (
	"os"
	"slices"
	"strings"
)

// private are variables of the environment that are for this process alone.
var private = []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}

// rsyncPassword is for rsync and nothing else: no plugin's command gets it.
const rsyncPassword = "RSYNC_PASSWORD"

// rsyncEnvironment takes the environment for rsync's children and removes
// from ours what no other child may see.
func rsyncEnvironment() []string {
	var env []string
	for _, kv := range os.Environ() {
		name, _, _ := strings.Cut(kv, "=")
		if !isPrivate(name) {
			env = append(env, kv)
		}
	}
	_ = os.Unsetenv(rsyncPassword)
	return env
}

func isPrivate(name string) bool {
	return slices.Contains(private, name)
}

// proxied tells whether the environment makes rsync connect to a daemon in its own way.
func proxied() bool {
	return os.Getenv("RSYNC_PROXY") != "" || os.Getenv("RSYNC_CONNECT_PROG") != ""
}
