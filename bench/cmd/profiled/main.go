// Command profiled is sersync that also serves the profiles of net/http/pprof, at the address in
// PROFILE (such as 127.0.0.1:6060). It is for measuring only.
package main

import (
	"net/http"
	_ "net/http/pprof"
	"os"
	"runtime"
	"time"

	"github.com/sersync/sersync/pkg/app"
)

func main() {
	if addr := os.Getenv("PROFILE"); addr != "" {
		runtime.SetMutexProfileFraction(10)
		server := &http.Server{Addr: addr, ReadHeaderTimeout: time.Second}
		go func() { _ = server.ListenAndServe() }()
	}
	p := app.Program{Argv: os.Args, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv}
	os.Exit(p.Main())
}
