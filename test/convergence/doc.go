// Package convergence holds the model-based test of the promise that a remote
// converges to what is on disk: several writers change a tree at full speed
// while rsync, the daemon, the kernel's queue and the program itself fail;
// then everything is quiet, and source and target must become equal.
//
// The program under test is the real binary, the remote a real rsync daemon.
package convergence
