package cli

import "time"

// Action is what one run of the program is for.
type Action uint8

// The actions. Sync is the main job and the default; those from Status on
// talk to a running instance.
const (
	Sync        Action = iota
	ShortHelp          // -h: the help of 2.5.4
	LongHelp           // --help
	Version            // --version
	Check              // --check
	Status             // --status
	Wait               // --wait[=SECONDS]
	Resync             // --resync[=LANE]
	Verify             // --verify[=LANE]
	AcceptEmpty        // --accept-empty LANE
	Pause              // --pause LANE
	Resume             // --resume LANE
)

// DefaultConfig is read when -o is not given (2.5.4: in the directory of the
// start).
const DefaultConfig = "confxml.xml"

// DefaultThreads holds when -n is not given or has no usable value.
const DefaultThreads = 10

// NoLimit is Options.WaitLimit of a --wait without seconds.
const NoLimit time.Duration = -1

// Options is a parsed command line.
type Options struct {
	Program string // argv[0] as typed, for messages
	Action  Action

	Daemon   bool   // -d
	FullSync bool   // -r
	Config   string // -o, never empty
	Threads  int    // -n, at least 1
	// DefaultedThreads: -n was not given, or was not usable.
	DefaultedThreads bool
	Module           string // -m: run this plugin alone; empty: sync

	JSON      bool          // --json
	PIDFile   string        // --pid-file; empty: none
	Lanes     []string      // of the lane actions; empty: all
	WaitLimit time.Duration // of Wait; NoLimit: as long as it takes

	// Given are the short options in the order in which they were typed,
	// as 2.5.4 echoes them. Those before an error are there with the error.
	Given []Given
	// Warnings are values that were replaced by a default, one line each.
	Warnings []string
}

// Given is one short option as typed.
type Given struct {
	Letter byte
	// Value is the argument; for -n the number that 2.5.4's atoi makes of it.
	Value string
}

// UsageError is a command line that cannot be used. The program prints both
// texts, unless empty, and exits with 1.
type UsageError struct {
	Stdout string // 2.5.4's line
	Stderr string // getopt's line, or cause and remedy
}

// Error is the line for standard error.
func (e *UsageError) Error() string { return e.Stderr }
