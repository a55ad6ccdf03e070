// Command sersync keeps directories mirrored on rsync targets as they change.
package main

import (
	"os"
	"runtime"

	"github.com/sersync/sersync/pkg/app"
	"github.com/sersync/sersync/pkg/tunnel"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == tunnel.Option {
		os.Exit(tunnel.Connect()) // an rsync of ours has no other way through TLS
	}
	// The main thread is what /proc/self means: it must not become the thread
	// that package confine moves to a mount namespace of its own.
	runtime.LockOSThread()
	p := app.Program{Argv: os.Args, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}
	os.Exit(p.Main())
}
