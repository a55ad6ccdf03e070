package plugins

import (
	"context"
	"io"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/sersync/sersync/pkg/fsevent"
)

// Op is what a plugin is told about a path.
type Op uint8

// The operations a plugin can be told about.
const (
	Changed Op = iota + 1 // created, written, moved in, attributes
	Deleted               // deleted or moved away
)

// String is the operation as receivers see it: "change" or "delete".
func (o Op) String() string {
	if o == Deleted {
		return "delete"
	}
	return "change"
}

// Event is one path for a plugin. It is a value; names are raw bytes.
type Event struct {
	// Root is the watch path as written in the configuration, a trailing
	// slash included (2.5.4: command and socket send WATCH + "/" + name, so
	// that a receiver sees the double slash).
	Root string
	// Path is relative to Root, without leading slash; "" is Root itself.
	Path string
	Op   Op
	Dir  bool
	// Kind is the kind of the latest event, for the http form. Zero means
	// unknown; the plugin then gives the one that fits Op and Dir.
	Kind fsevent.Op
	// Seq grows with every event of the process. A later state of a path
	// always has a greater number.
	Seq uint64
	// Attempt counts how often delivering this state has failed so far. The
	// Runner sets it.
	Attempt int
}

// FullPath is Root and Path joined by a slash, as 2.5.4 joins them: a slash
// at the end of Root stays and gives a double one.
func (e Event) FullPath() string {
	if e.Path == "" {
		return e.Root
	}
	return e.Root + "/" + e.Path
}

// CleanPath is FullPath with one trailing slash of Root removed.
func (e Event) CleanPath() string {
	if e.Path == "" {
		return TrimRoot(e.Root)
	}
	return TrimRoot(e.Root) + "/" + e.Path
}

// TrimRoot removes one trailing slash, as 2.5.4 does with a watch path.
func TrimRoot(root string) string {
	return strings.TrimSuffix(root, "/")
}

// Plugin hands events to one receiver. New functions of plugins start no
// goroutines and touch no network: a receiver that is down at start is an
// outage like any other.
type Plugin interface {
	// Name is the kind as written in the configuration, for logs and status.
	Name() string
	// Limits says how the Runner may call Deliver. It does not change.
	Limits() Limits
	// Deliver hands over a batch, which is never empty and belongs to the
	// caller again after the return, and returns how many
	// events from the front the receiver has for good. If err is not nil it is
	// about batch[delivered]: the Runner tries that event again later, unless
	// the error is permanent (see Permanent), and the ones behind it at once.
	// Events that the plugin's own filter keeps from the receiver count as
	// delivered. Deliver returns soon after ctx ends. Errors must not contain
	// secrets. Deliver may be called by up to Limits.Parallel goroutines at a
	// time, never for the same path.
	Deliver(ctx context.Context, batch []Event) (delivered int, err error)
	// Close releases connections and children. It is called once, after the
	// last Deliver has returned.
	Close() error
}

// Limits bounds the calls of Deliver. Zero values mean the defaults.
type Limits struct {
	Batch    int           // events per call; default 1
	Parallel int           // calls at a time; default 1
	Timeout  time.Duration // of one call; default 1 minute
}

// Deps is what a plugin gets from the program besides its configuration.
type Deps struct {
	// Log is the program's logger; nil discards.
	Log *zap.Logger
	// Warn is called for oddities of the configuration that do no harm; nil: they are logged.
	Warn func(*ConfigError)
	// File is the configuration file's name, for errors.
	File string
	// Dir is the start directory, absolute: where commands run and where
	// relative file names in the configuration begin.
	Dir string
	// Alone is set when the plugin runs by itself (-m).
	Alone bool
	// Stdout and Stderr receive what commands print (2.5.4: those of the
	// program itself); nil discards.
	Stdout, Stderr io.Writer
}

// Logger is Log, or a logger that discards.
func (d Deps) Logger() *zap.Logger {
	if d.Log == nil {
		return zap.NewNop()
	}
	return d.Log
}
