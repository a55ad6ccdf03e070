// Command sersync keeps directories mirrored on rsync targets as they change.
package main

import (
	"os"
	"runtime"

	"github.com/sersync/sersync/pkg/daemon"
)

func main() {
	// The main thread is what /proc/self means: it must not become the thread
	// that package confine moves to a mount namespace of its own.
	runtime.LockOSThread()
	p := daemon.Program{Argv: os.Args, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}
	os.Exit(p.Main())
}
