// Package lanes tests what happens to the batches of a lane with real rsyncs: daemons, old
// receivers, sshd, full disks, files that do not open. What a lane decides by itself is tested in
// pkg/executor, with a remote in memory.
package lanes
