package transport

import (
	"syscall"
	"time"
)

// Class says what a run's end means for the paths that were in it.
type Class uint8

// The classes of results.
const (
	// Done: everything is on the remote; complaints were about times,
	// ownership or permissions which the target cannot hold.
	Done Class = iota
	// Partly: the paths in Result.Failed failed, the rest is done. When it
	// could not be told which, Result.Unclear is set.
	Partly
	// Again: the only complaints are about files that changed here meanwhile; look again at once.
	Again
	// Refused: the receiver lacks an option; see Result.Missing.
	Refused
	// NoSpace: the target's disk is full, which aborts a whole run.
	NoSpace
	// Trouble: the remote cannot be reached or does not serve; the lane backs off.
	Trouble
	// Stopped: this program has ended the run. Classify cannot know that; whoever stopped the run
	// sets it.
	Stopped
)

func (c Class) String() string {
	return [...]string{"done", "partly", "again", "refused", "no space", "trouble", "stopped"}[c]
}

// Missing names what a receiver refused.
type Missing uint8

// What can be missing.
const (
	MissingNothing Missing = iota
	MissingNanoseconds
	MissingDeleteArgs
	MissingDelete
	MissingList
	MissingChecksum
	MissingWindow
	MissingElsewhere
	// MissingAnswer: the run broke off before the receiver had said a word. It
	// may be that it refuses one of the options which the run had.
	MissingAnswer
	// MissingVersions: the remote cannot keep what the run replaces or deletes. This is then the
	// cause for each path of the run.
	MissingVersions
)

// PathError is one complaint about one path.
type PathError struct {
	Path   string // relative to the watch root; see Elsewhere
	Remote bool   // the remote's complaint, not one about reading here
	Errno  syscall.Errno
	Text   string
	Cause  string // why, where more is known than Errno; without names of paths
	// Elsewhere: Path may begin with an unknown prefix that does not belong to it, such as the home
	// directory on the remote.
	Elsewhere bool
	// Changed: the file changed here while it was being sent; the remedy is to look again at once.
	Changed bool
}

// Result is the result of a run.
type Result struct {
	Class   Class
	Missing Missing
	Failed  []PathError // Partly
	Races   []PathError // changed here while being sent: look again
	// Dangling are links that were to be followed and lead nowhere. There is nothing to send for
	// them, but because of them rsync leaves out its deletions.
	Dangling []PathError
	// Withheld are the complaints because of which rsync has left out all deletions of the run, for
	// what cannot be read here may exist.
	Withheld []PathError
	// Vanished are files that went here after they were listed, which is no failure. But their other
	// names may not have been sent either, without a word (seen with rsync 3.1.2 to 3.5.0 and -H).
	Vanished []string
	Unclear  bool // something failed that could not be assigned to a path
	Broken   bool // with Trouble: the run broke off, perhaps because of one of its paths
	// Added are the options that the run had, Spared those that were left out because the receiver
	// may refuse them.
	Added, Spared Options
	Reason        string // one line for people, without names of paths
	Detail        string // what rsync said, clipped; may hold names
	Remedy        string // one line for people, may be empty
	// Exit is the exit status of the program that has carried the batch, -1 when a signal has ended
	// it, and WaitStatus the raw wait status, which 2.5.4 writes into the fail log.
	Exit, WaitStatus int
	Inactive         bool // ended because nothing moved for too long
	Took             time.Duration
	// Unwanted are the first names that the remote's own configuration excludes,
	// and Unnamed is how many there are beyond them.
	Unwanted []string
	Unnamed  int
}

// NotEmpty tells that a directory on the remote could not be removed because
// something is left in it.
func (e PathError) NotEmpty() bool { return e.Remote && e.Errno == syscall.ENOTEMPTY }

// Reason is the complaint without its path.
func (e PathError) Reason() string {
	if e.Cause != "" {
		return e.Cause
	}
	where := "here"
	if e.Remote {
		where = "on the target"
	}
	if e.Errno == 0 {
		return "failed " + where
	}
	if e.Hung() {
		return "rsync waited in vain for it to open " + where
	}
	return e.Errno.Error() + " " + where
}

// Race tells that the complaint is about a file that changed here while it was being sent: the
// remedy is to look again at once.
func (e PathError) Race() bool { return e.Changed }

// Hung tells that rsync waited in vain for the file to open.
func (e PathError) Hung() bool { return e.Changed && e.Errno == syscall.EINTR }
