package cli

import (
	"slices"
	"time"
)

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
	Stop               // --stop
	Reload             // --reload
	ShowLog            // --log
	Where              // --where PATH
	Pending            // --pending[=LANE]
	Init               // --init
)

// DefaultConfig is read when -o is not given (2.5.4: in the directory of the
// start).
const DefaultConfig = "confxml.xml"

// SystemConfig is read when -o is not given and the directory of the start holds
// no DefaultConfig.
const SystemConfig = "/etc/sersync/confxml.xml"

// InitConfig makes Config the file that --init writes where -o is not given: the
// system's for root, and one in the directory of the start for others.
func (o *Options) InitConfig(root bool) {
	if root && !slices.ContainsFunc(o.Given, func(g Given) bool { return g.Letter == 'o' }) {
		o.Config = SystemConfig
	}
}

// FindConfig sets Config where -o is not given. If that is SystemConfig it is added to Given, so
// that the start-up lines name it. Where neither file exists Config stays DefaultConfig, which is
// then reported as missing, as by 2.5.4.
func (o *Options) FindConfig(exists func(path string) bool) {
	if slices.ContainsFunc(o.Given, func(g Given) bool { return g.Letter == 'o' }) {
		return
	}
	if !exists(DefaultConfig) && exists(SystemConfig) {
		o.Config = SystemConfig
		o.Given = append(o.Given, Given{Letter: 'o', Value: SystemConfig})
	}
}

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
	Connect   bool          // --connect, with Check
	PIDFile   string        // --pid-file; empty: none
	All       bool          // --all: every instance on this host
	Follow    bool          // --follow: of ShowLog, go on with what is added
	Lanes     []string      // of the lane actions; empty: all
	Path      string        // of Where, absolute or as typed
	Setup     Setup         // of Init
	WaitLimit time.Duration // of Wait; NoLimit: as long as it takes

	// Given are the short options in the order in which they were typed,
	// as 2.5.4 echoes them; see FindConfig. Those before an error are there with the error.
	Given []Given
	// Warnings are values that were replaced by a default, one line each.
	Warnings []string
}

// Setup is what the options tell --init; for an empty field it asks.
type Setup struct{ Dir, Target, User, PasswordFile string }

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
