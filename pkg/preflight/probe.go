package preflight

import (
	"crypto/rand"
	"encoding/hex"
	"os"
	"path/filepath"
	"time"
)

// Prefix begins and Suffix ends the names of probes. A sersync or a 2.5.4 that watches the place sends no file of such
// a name on: a name that begins with a dot is sent where dotfiles is on, but one that ends in a tilde is sent nowhere.
const (
	Prefix = ".sersync-probe-"
	Suffix = "~"
)

// probe is the files that are written on a remote and deleted again.
type probe struct {
	fine  string // its time has nanoseconds
	whole string // its time is an odd second
	clock string // its time is the remote's own
}

// The times of the files. A file system that keeps times to two seconds (FAT) cannot keep an odd
// second.
var (
	fineTime  = time.Unix(1_000_000_001, 123_456_789)
	wholeTime = time.Unix(1_000_000_001, 0)
)

// newProbe makes the files in a directory. Their names are new: what is deleted in the end can be nobody else's.
func newProbe(dir string) (probe, error) {
	var unique [8]byte
	_, _ = rand.Read(unique[:]) // never fails (crypto/rand)
	name := Prefix + hex.EncodeToString(unique[:])
	p := probe{name + "-fine" + Suffix, name + "-whole" + Suffix, name + "-clock" + Suffix}
	for _, f := range []struct {
		name string
		time time.Time
	}{{p.fine, fineTime}, {p.whole, wholeTime}, {p.clock, wholeTime}} {
		path := filepath.Join(dir, f.name)
		if err := os.WriteFile(path, []byte("written by sersync --check --connect, which deletes it again\n"), 0o600); err != nil {
			return p, err
		}
		if err := os.Chtimes(path, f.time, f.time); err != nil {
			return p, err
		}
	}
	return p, nil
}

// names are those that a run may have left on the remote.
func (p probe) names() []string { return []string{p.fine, p.whole, p.clock} }

// written are those of the first run.
func (p probe) written() []string { return []string{p.fine, p.whole} }
