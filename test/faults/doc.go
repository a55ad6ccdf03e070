// Package faults holds one test per fault: outages of the remote, kernel
// limits, crashes, lost and swapped roots, and the corners where a mirror goes
// wrong. The program under test is the real binary; remotes are real rsync
// daemons and a real sshd.
package faults
