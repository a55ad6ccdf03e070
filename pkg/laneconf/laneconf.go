// Package laneconf says which lanes a configuration asks for: of each lane the
// directory that is mirrored, what rsync needs to know of the remote, and the
// lane's key. It reads no state and connects to nothing.
package laneconf

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/rsyncopts"
	"github.com/sersync/sersync/pkg/stream/dial"
	"github.com/sersync/sersync/pkg/transport/rsync"
	publish "github.com/sersync/sersync/pkg/transport/stream"
	"github.com/sersync/sersync/pkg/tunnel"
)

// Lane is one localpath on its way to one remote, as the configuration names it.
type Lane struct {
	Local  confxml.LocalPath
	Remote confxml.Remote
	Dir    string // the directory that is mirrored
	Target rsync.Target
	// ID is the lane's key in state files, locks, logs and the status: what is
	// mirrored to where. It stays the same as long as both do.
	ID string
}

// IDs yields the keys of all lanes of a configuration: those to remotes, and those to
// streams.
func IDs(conf confxml.Config) iter.Seq[string] {
	return func(yield func(string) bool) {
		for lane := range All(conf) {
			if !yield(lane.ID) {
				return
			}
		}
		for _, local := range conf.LocalPaths {
			dir, err := Dir(local.Watch)
			if err != nil {
				continue
			}
			for _, s := range local.Streams {
				if !yield(StreamID(dir, s)) {
					return
				}
			}
		}
	}
}

// StreamID is the key of the lane from a directory to a stream.
func StreamID(dir string, s confxml.Stream) string { return dir + "#" + publish.Remote(s.Name) }

// Way is how a lane connects to the hub of its stream.
func Way(s confxml.Stream) dial.Way {
	return dial.Way{URL: s.URL, Creds: s.Creds, CA: s.CA, Client: "sersync " + s.Name}
}

// Publishing is what the configuration says for the publisher of a stream. source is the name of
// this program's state.
func Publishing(dir string, s confxml.Stream, source string) publish.Options {
	host, _ := os.Hostname() // a claim without it is told apart by its directory
	return publish.Options{
		Tree: s.Name, Way: Way(s), Limits: publish.Limits{Age: s.Keep, Bytes: s.Size, Replicas: s.Replicas}, Dir: dir, Host: host, Source: source,
	}
}

// ErrShell is about a remote that asks for TLS and for a remote shell.
var ErrShell = errors.New("tls= of <remote> and -e in the parameters exclude each other")

// All yields the lanes of a configuration in the order of the file; a remote that
// is named twice is there twice. What cannot become a lane (a directory that is
// missing, parameters that cannot be used) is left out: the checks of the
// configuration report it.
func All(conf confxml.Config) iter.Seq[Lane] {
	return func(yield func(Lane) bool) {
		for _, local := range conf.LocalPaths {
			dir, err := Dir(local.Watch)
			if err != nil {
				continue
			}
			for _, remote := range local.Remotes {
				if l, err := Of(conf, local, dir, remote); err == nil && !yield(l) {
					return
				}
			}
		}
	}
}

// Of is the lane of one <remote> of a localpath whose directory is dir. The error
// is about the remote's parameters and names their line.
func Of(conf confxml.Config, local confxml.LocalPath, dir string, remote confxml.Remote) (Lane, error) {
	t, err := target(conf, local, dir, remote)
	if err != nil {
		return Lane{}, err
	}
	return Lane{Local: local, Remote: remote, Dir: dir, Target: t, ID: ID(dir, t)}, nil
}

// Dir is the directory that a watch path leads to: absolute and without links.
func Dir(watch string) (string, error) {
	real, err := confxml.RealPath(watch)
	if err != nil {
		return "", fmt.Errorf("watch %q: %w", watch, err)
	}
	return real, nil
}

func target(conf confxml.Config, local confxml.LocalPath, dir string, r confxml.Remote) (rsync.Target, error) {
	setting := rsyncopts.Setting{Delete: conf.Inotify.Delete, Remotes: len(local.Remotes), Root: dir}
	params, err := rsync.ParseParams(r.Params, setting, os.Getenv)
	if err != nil {
		return rsync.Target{}, fmt.Errorf("%s:%d: %w", conf.File, r.ParamsLine, err)
	}
	t := rsync.Target{
		Host: r.IP, Name: r.Name, User: r.User, Timeout: r.Timeout, SSH: r.SSH, Params: params,
	}
	if r.Backup != nil {
		t.Versions = rsync.Versions{Dir: r.Backup.Dir, Keep: r.Backup.Keep}
		t.Params = t.Params.SparesVersions(t.Versions.Dir)
	}
	if r.SSH {
		if r.OwnPort {
			t.SSHPort = r.Port
		}
		return t, nil // rsync refuses a password file over ssh
	}
	t.Port, t.PasswordFile = r.Port, r.PasswordFile
	if r.TLS != nil {
		if params.RemoteShell {
			return rsync.Target{}, fmt.Errorf("%s:%d: %w; remove one of them", conf.File, r.Line, ErrShell)
		}
		t.TLS = way(r)
		if t.Port == 0 && params.Port == 0 {
			t.Port = tunnel.DefaultPort
		}
	}
	if t.PasswordFile != "" {
		if abs, err := filepath.Abs(t.PasswordFile); err == nil {
			t.PasswordFile = abs // rsync runs in the directory that is mirrored
		}
	}
	return t, nil
}

// way is how the connection to a remote is secured. rsync runs in the directory that is
// mirrored, so that the files are absolute.
func way(r confxml.Remote) *tunnel.Way {
	w := &tunnel.Way{ServerName: r.TLS.ServerName, CA: r.TLS.CA, Certificate: r.TLS.Certificate, Key: r.TLS.Key}
	if w.ServerName == "" {
		w.ServerName = strings.Trim(r.IP, "[]")
	}
	for _, file := range []*string{&w.CA, &w.Certificate, &w.Key} {
		if abs, err := filepath.Abs(*file); *file != "" && err == nil {
			*file = abs
		}
	}
	return w
}

// ID is the key of the lane from a directory to a target.
func ID(dir string, t rsync.Target) string {
	id := dir + "#" + t.Dest()
	if port := t.Port + t.SSHPort; port != 0 { // only one of them is set
		id += fmt.Sprintf(":%d", port)
	}
	return id
}
