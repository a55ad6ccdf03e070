// Package targets runs the real binary against every kind of remote that people have: rsync daemons
// with their usual settings, sshds with theirs, old receivers and clients, and each set of rsync
// parameters found in configurations. With each of them creations, changes, deletions and renames
// have to arrive, and no run may follow afterwards; or the remedy has to be named.
package targets
