// Command sersync-edge keeps directories as the trees that a stream tells of.
package main

import (
	"os"

	"github.com/sersync/sersync/pkg/edge"
)

func main() {
	os.Exit(edge.Program{Argv: os.Args, Stdout: os.Stdout, Stderr: os.Stderr}.Main())
}
