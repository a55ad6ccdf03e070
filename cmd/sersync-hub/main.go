// Command sersync-hub keeps the streams through which a sersync reaches many edges.
package main

import (
	"os"

	"github.com/sersync/sersync/pkg/hub/hubcmd"
)

func main() {
	os.Exit(hubcmd.Main(os.Args[1:], os.Stdout, os.Stderr))
}
