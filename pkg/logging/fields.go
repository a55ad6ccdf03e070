package logging

import (
	"time"

	"go.uber.org/zap"
)

// The keys of fields. One vocabulary in the whole program, so that a search or
// an alert finds all of it.
const (
	KeyRoot    = "root"    // watch root
	KeyLane    = "lane"    // status.LaneID
	KeyRemote  = "remote"  // destination without secrets
	KeyPath    = "path"    // path, relative to the root or absolute
	KeyWD      = "wd"      // watch descriptor
	KeyBatch   = "batch"   // paths in one run
	KeyAttempt = "attempt" // number of the attempt, from 1
	KeyDelay   = "delay"   // until the next attempt
	KeyExit    = "exit"    // exit status of rsync
	KeyReason  = "reason"  // cause, for people
	KeyRemedy  = "remedy"  // what a person can do
	KeyPlugin  = "plugin"  // name of a plugin
	KeyTimes   = "times"   // how often, in a summary
	KeySpan    = "span"    // how long it took or lasted
	KeyArgv    = "argv"    // argument vector of a child
	KeyLine    = "line"    // line of the configuration file
)

// Root is the field of a watch root.
func Root(path string) zap.Field { return zap.String(KeyRoot, path) }

// Lane is the field of a lane's id.
func Lane(id string) zap.Field { return zap.String(KeyLane, id) }

// Remote is the field of a destination.
func Remote(dest string) zap.Field { return zap.String(KeyRemote, dest) }

// Path is the field of a path, raw bytes.
func Path(path string) zap.Field { return zap.String(KeyPath, path) }

// WD is the field of a watch descriptor.
func WD(wd int) zap.Field { return zap.Int(KeyWD, wd) }

// Batch is the field of a number of paths.
func Batch(n int) zap.Field { return zap.Int(KeyBatch, n) }

// Attempt is the field of the number of an attempt.
func Attempt(n int) zap.Field { return zap.Int(KeyAttempt, n) }

// Delay is the field of the time until the next attempt.
func Delay(d time.Duration) zap.Field { return zap.Duration(KeyDelay, d) }

// Exit is the field of an exit status.
func Exit(code int) zap.Field { return zap.Int(KeyExit, code) }

// Reason is the field of a cause.
func Reason(text string) zap.Field { return zap.String(KeyReason, text) }

// Remedy is the field of what a person can do.
func Remedy(text string) zap.Field { return zap.String(KeyRemedy, text) }

// Argv is the field of a child's arguments, each quoted on its own.
func Argv(argv []string) zap.Field { return zap.Strings(KeyArgv, argv) }
