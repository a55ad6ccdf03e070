// Package failqueue holds what a lane knows about failure and how it survives
// a restart: the backoff between attempts, the fail log script, the state file
// with the watermark, and the audit log of deletions.
//
// The package starts no goroutines and runs no programs. Every file that it
// writes is an output for people or for the next start of the program; nothing
// in it is ever executed. Types are safe for concurrent use where their comment
// says so, values (Backoff, Entry, LaneState, Clock) are plain data.
package failqueue
