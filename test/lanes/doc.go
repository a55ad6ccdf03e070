// Package lanes tests what happens to the batches of a lane with real programs: daemons, old
// receivers, sshd, full disks, files that cannot be opened. Package executor has the tests of what
// a lane decides by itself, with a remote in memory.
package lanes
