// Package outcome holds what goes to a remote together, a flight, and what became of it: the
// results of its runs, which work a complaint belongs to, and what was on this host afterwards. It
// starts nothing and reads nothing.
package outcome
