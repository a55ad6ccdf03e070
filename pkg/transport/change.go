package transport

import "time"

// Change is one path that a run has tried. Only the exit status and the complaints tell whether it
// has arrived.
type Change struct {
	Path    string
	Dir     bool
	Link    bool // a symbolic link
	Deleted bool
	Sent    bool // content was sent, not only attributes
	New     bool // the target has nothing of that name
	// OnlyTime: size and attributes are equal, and only the modification time differs.
	OnlyTime bool
	Size     int64
}

// Copy is what the remote has of one file or directory.
type Copy struct {
	Path  string // empty: the directory of the target itself
	Dir   bool
	Other bool // neither a file nor a directory: a link or the like, of which nothing else is known
	Size  int64
	Mtime time.Time // in whole seconds
	// SameTime: the remote's time is that of the file in the working directory, to
	// the nanosecond unless this host cannot compare these.
	SameTime bool
}

// Progress is how far a run has come with its list of files.
type Progress struct {
	Checked int64 // files that are done
	Known   int64 // files that are listed so far
	Whole   bool  // Known is all of them
}
