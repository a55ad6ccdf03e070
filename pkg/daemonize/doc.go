// Package daemonize turns the program into a daemon (-d) and reports to the
// shell only once the daemon works.
//
// Go cannot fork a running program, so the parent executes itself once more
// with the same argument vector, and ps shows the command line as it was
// typed. The two halves meet in main:
//
//	child, err := daemonize.Attach() // first thing in main
//	if child == nil && wanted {
//		os.Exit(daemonize.Start(os.Args, os.Stderr))
//	}
//	// The daemon: start up, then child.Ready(), or child.Fail(err).
//
// The child leads a session of its own, keeps the working directory, and reads /dev/null. Standard
// output and standard error are the caller's until Output.LetGo replaces them. It survives SIGHUP,
// SIGINT (as 2.5.4's daemon does) and writes to a closed standard output. The whole environment,
// RSYNC_PASSWORD included, reaches the daemon; only the marker by which the child knows itself is
// taken out at once, so that no rsync or plugin sees it.
//
// The parent waits without a timeout until the child has reported or ended. When the child dies or
// gives up, its status becomes the parent's.
package daemonize
