// Package failqueue writes the fail log, a script that lists what has failed.
//
// The package starts no goroutines and runs no programs. The script is an output
// for people; nothing in it is ever read back or executed. Types are safe for
// concurrent use where their comment says so; an Entry is plain data.
package failqueue
