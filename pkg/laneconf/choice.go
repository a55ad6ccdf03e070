package laneconf

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/sersync/sersync/pkg/confxml"
)

// Choice is a digest of what the configuration selects and carries. When it
// differs from the one a watermark was written under, what is older than the
// watermark may now have to be sent, too.
func Choice(conf confxml.Config, local confxml.LocalPath, remote confxml.Remote) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %v %v", remote.Params, local.DotFiles, conf.Filter.On)
	if remote.Backup != nil {
		fmt.Fprintf(h, " backup %q", remote.Backup.Dir)
	}
	// With the switches of the shipped file the digest is that of older versions.
	if sw := conf.Inotify; !sw.CreateFolder || !sw.CloseWrite || !sw.MoveTo || sw.Attrib {
		fmt.Fprintf(h, " %v %v %v %v", sw.CreateFolder, sw.CloseWrite, sw.MoveTo, sw.Attrib)
	}
	if conf.Filter.On {
		for _, e := range conf.Filter.Exclude {
			fmt.Fprintf(h, " %q", e.Text)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
