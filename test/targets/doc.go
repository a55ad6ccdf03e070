// Package targets runs the real binary against every kind of remote that
// people have: rsync daemons with their usual settings, sshds with theirs, old
// receivers and clients, and each set of rsync parameters found in
// configurations. Each has to bring creations, changes, deletions and renames
// over, to fall silent afterwards, or to name its remedy.
package targets
