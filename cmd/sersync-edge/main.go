// Command sersync-edge keeps directories equal to the trees of a stream.
package main

import (
	"os"

	"github.com/sersync/sersync/pkg/edge"
)

func main() {
	os.Exit(edge.Program{Argv: os.Args, Stdout: os.Stdout, Stderr: os.Stderr}.Main())
}
