// Package plugins runs the real program with its plugins: after syncs to real
// rsync daemons, and alone, with receivers that serve, are slow, refuse, hang
// or crash.
package plugins
