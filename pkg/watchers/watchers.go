// Package watchers knows the back ends that can watch a tree, and chooses between them.
package watchers

import (
	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/confxml"
	"github.com/sersync/sersync/pkg/fanotify"
	"github.com/sersync/sersync/pkg/fsevent"
	"github.com/sersync/sersync/pkg/inotify"
)

// Options are what a watcher is made from.
type Options struct {
	Backend  string // confxml.Inotify or confxml.Fanotify
	Switches confxml.Switches
	// Skip tells which directories are not watched, and nothing below them either;
	// appeared is set for one that was made while the watcher ran.
	Skip func(rel string, appeared bool) bool
	// Inventory tells whether the watcher has to remember which entries the directories have.
	Inventory func() bool
	Logger    *zap.Logger
	// Debug gets the lines of 2.5.4's debug switch; nil: they are not wanted.
	Debug func(format string, args ...any)
}

// New makes a watcher for the tree at dir; nothing runs yet.
func New(dir string, o Options) (fsevent.Watcher, error) {
	// The queue applies the closeWrite switch itself: a close also ends its
	// wait for files that were created.
	if o.Backend == confxml.Fanotify {
		return fanotify.New(dir, fanotify.Options{
			CloseWrite: true, Modify: o.Switches.Modify, Attrib: o.Switches.Attrib,
			Skip:   func(rel string) bool { return o.Skip(rel, false) },
			Logger: o.Logger, Debug: o.Debug,
		})
	}
	return inotify.New(dir, inotify.Options{
		CloseWrite: true, Modify: o.Switches.Modify, Attrib: o.Switches.Attrib,
		Skip: o.Skip, Inventory: o.Inventory, Logger: o.Logger, Debug: o.Debug,
	})
}

// NewFiles watches single files. modify asks for Modify events beside those of the
// other kinds. The caller closes it.
func NewFiles(modify bool) (fsevent.Files, error) { return inotify.NewFiles(modify) }
