// Package safefile writes and reads the files that the program leaves on
// disk: state files, the fail log script, the audit log, lock and pid files.
//
// The program often runs as root and is often told to write into directories
// where strangers may write too (the default fail log lies in /tmp). So every
// function here works through a descriptor of the directory, never follows a
// symbolic link in the final component, and refuses directories in which
// somebody else could exchange the file between two steps.
//
// The rule for directories is CheckDir's. Directories above the last one are
// not examined: the directory is opened once and only its descriptor is used,
// so exchanging an ancestor changes nothing for a call that has begun, and an
// exchanged directory has to pass CheckDir again.
//
// All functions are safe for concurrent use. None of them starts a process or
// a goroutine.
package safefile
