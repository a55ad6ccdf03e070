package confxml

import (
	"time"

	"github.com/sersync/sersync/pkg/busyhours"
)

// Config is one validated configuration file. It is immutable after Load;
// every part of the program receives it, or a part of it, by value.
//
// Strings that name files, hosts, modules or expressions are raw bytes as they
// stand in the file (2.5.4: the declared encoding is not applied).
type Config struct {
	// File is the path the configuration was read from, as given.
	File string

	Host       Host
	Debug      bool
	XFS        bool // without effect: directories are recognised on every file system
	Filter     Filter
	Inotify    Switches
	LocalPaths []LocalPath // at least one, if ValidateSync says so
	FailLog    FailLog
	Crontab    Crontab
	Verify     Verify

	// PluginRefs are the <sersync><plugin> elements with start="true",
	// in file order.
	PluginRefs []PluginRef
	// Plugins are the top-level <plugin> elements, in file order.
	Plugins []Plugin

	// Extensions: optional elements that 2.5.4 ignores.
	Notify   []Notify // those that are switched on and can work, in file order
	Log      Log
	Rsync    RsyncRun
	State    State
	Warnings []Problem // what the reader tolerated or replaced by a default, by line
}

// Host is <host hostip port>, the address of the status page.
type Host struct {
	IP   string
	Port int // as atoi reads it: text gives 0

	// Extensions (attributes of <host>).
	Page      bool   // page="false" turns the status page off; default true
	Listen    string // listen="ADDR:PORT": listen elsewhere than on loopback; needs TokenFile
	TokenFile string // tokenfile="FILE": bearer token that unlocks path names
	Socket    string // socket="FILE": Unix socket, mode 0600
}

// Filter is <filter start><exclude expression/>…</filter>.
type Filter struct {
	On      bool
	Exclude []Expression
}

// Expression is one regular expression or rsync pattern with its place.
type Expression struct {
	Text string
	Line int
}

// Switches is <inotify>: which kernel events make a path dirty.
type Switches struct {
	Delete, CreateFolder, CreateFile, CloseWrite, MoveFrom, MoveTo, Attrib, Modify bool

	// SelfCheck is the interval of the scan for changes that inotify cannot
	// see (extension: <inotify selfcheck="24h">; 0 turns it off).
	SelfCheck time.Duration
}

// LocalPath is one <localpath watch> with its remotes.
type LocalPath struct {
	// Watch is the attribute as written, with its trailing slash if it has one (2.5.4 removed the
	// slash for rsync, and kept it for the command plugin).
	Watch string
	Line  int
	// DotFiles has events of files whose names begin with a dot synced, too (extension:
	// dotfiles="true").
	DotFiles bool
	// AllowRoot permits watch="/" (extension: allowroot="true").
	AllowRoot bool
	// Recreated says that another directory at the path, on the same file system,
	// is the same watch root (extension: recreated="true").
	Recreated bool
	// Backend is what watches the directory: Inotify, Fanotify or Auto (extension:
	// backend="fanotify").
	Backend string
	Remotes []Remote
	// Streams are the <stream> elements (extension): the changes of the localpath are
	// published there for edges.
	Streams []Stream
}

// The back ends that watch a directory.
const (
	Inotify  = "inotify"  // a watch for each directory
	Fanotify = "fanotify" // a mark for each file system
	Auto     = "auto"     // fanotify where it sees everything and is worth it
)

// Stream is the extension <stream name url creds ca> of a <localpath>.
type Stream struct {
	Line     int
	Name     string // of the tree, the same on the edges
	URL      string
	Creds    string // file with the key
	CA       string // file; empty: the system's authorities
	Keep     time.Duration
	Size     int64 // bytes
	Replicas int
}

// Remote is one <remote> with the parameters that hold for it: those of
// <rsync>, replaced by the remote's own attributes where it has any.
type Remote struct {
	// IP and Name have no blanks around them: 2.5.4's shell took them away.
	IP, Name string
	Line     int

	Params     string // commonParams, unsplit
	ParamsLine int    // of Params; 0: the default
	// OwnParams says that Params is the remote's own attribute.
	OwnParams    bool
	User         string // empty: none
	PasswordFile string // empty: none
	Port         int    // 1 to 65535; 0: not given, or no port
	PortText     string // the port as written, for a clear message
	// OwnPort says that Port is the remote's own attribute. With SSH only
	// such a port is ssh's: 2.5.4 hands userDefinedPort to rsync, which
	// ignores it over ssh, and existing files rely on that.
	OwnPort bool
	Timeout int // seconds; 0: not given
	SSH     bool
	// TLS secures the connection to the rsync daemon (extension: tls="true"); nil: it is
	// not.
	TLS *TLS
	// Backup keeps old versions; nil: they are not kept.
	Backup *Backup
	// Busy are the hours of <busy> in the remote, or else in its localpath.
	Busy busyhours.Schedule
}

// Backup is the extension <backup dir keep> of a <remote>: what is replaced or deleted
// there is kept.
type Backup struct {
	Line int
	Dir  string // a name right below the destination
	Keep int    // days of which versions stay
}

// TLS is what the attributes of a <remote> say about TLS. Files are as written.
type TLS struct {
	CA          string // empty: the system's authorities
	Certificate string // of this host; empty: none
	Key         string // empty: in Certificate
	ServerName  string // empty: the host
}

// FailLog is <failLog path timeToExecute>.
type FailLog struct {
	Path     string        // empty: none is written
	Interval time.Duration // at least a minute
	Line     int
}

// Crontab is <crontab start schedule> with its <crontabfilter>.
type Crontab struct {
	On       bool
	Interval time.Duration // schedule, in minutes in the file
	Cron     string        // extension: cron="0 3 * * *"; wins over Interval
	FilterOn bool
	Exclude  []Expression // rsync patterns
}

// Verify is the extension <verify schedule cron repair>: scheduled comparisons.
type Verify struct {
	On       bool
	Interval time.Duration // schedule, in minutes in the file
	Cron     string        // wins over Interval
	Repair   bool          // what differs is brought over
	Contents bool          // files of one size and time are read on both sides
	BWLimit  int           // KiB per second; 0: none
}

// PluginRef is <sersync><plugin start name>.
type PluginRef struct {
	Name string
	// WhenAll waits for all remotes (extension: when="all"); otherwise the
	// plugin runs once every remote has the path or has failed once.
	WhenAll bool
	Line    int
}

// Plugin is one top-level <plugin name> element. Only the fields of its kind
// are set. Attributes holds every attribute of the elements below it, keyed
// "element/attribute" in lower case, for the extensions of each plugin.
type Plugin struct {
	Name       string
	Line       int
	Watch      string // <localpath watch>
	Attributes map[string]Attribute
	FilterOn   bool
	Include    []Expression // <filter><include expression>
}

// Attribute is a value with its line.
type Attribute struct {
	Value string
	Line  int
}

// Log is the extension <log file level format maxsize maxbackups maxage>.
type Log struct {
	File       string // empty: standard error
	Level      string // debug, info (default), warn, error
	Format     string // console (default), json, logfmt, journal
	MaxSizeMB  int    // rotate beyond this size; default 100
	MaxBackups int    // default 5
	MaxAgeDays int    // 0: no limit
}

// RsyncRun is how rsync is run (extension attributes of <rsync>).
type RsyncRun struct {
	Program  string // path="rsync"
	Standby  bool   // standby="true" (default): keep a warm rsync per lane
	MaxTotal int    // total="64": rsync processes of the whole program
}

// State is the extension <state dir pidfile>.
type State struct {
	Dir     string // empty: the default for the user
	PIDFile string // empty: none
}

// Problem is one thing wrong or noteworthy in the file.
type Problem struct {
	File    string
	Line    int    // 0: the file as a whole
	Element string // "sersync/localpath@watch"
	// Message is the cause, and Remedy what to do; each is a part of one line.
	Message, Remedy string
	Severity        Severity
}

// Severity is how much a problem matters.
type Severity uint8

// The severities. Only a Refusal keeps the program from starting.
const (
	Note    Severity = iota // said by --check alone
	Warning                 // said by --check and at the start
	Fault                   // a warning at the start, an error for --check
	Refusal                 // no value is possible, or using it would destroy
)

// String is the word that --check uses.
func (s Severity) String() string {
	switch s {
	case Note:
		return "note"
	case Warning:
		return "warning"
	default:
		return "error"
	}
}
