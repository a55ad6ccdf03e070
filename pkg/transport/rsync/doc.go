// Package rsync knows the program this daemon drives: it turns a target and a kind of run into an
// argument vector, starts it so that it cannot outlive this process, reads what it prints, and
// derives what became of the paths.
//
// It decides nothing about which paths are sent, when, or how often: that is
// package executor. No shell is involved anywhere, and no value of the
// configuration or file name reaches one.
package rsync
