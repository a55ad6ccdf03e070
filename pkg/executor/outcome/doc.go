// Package outcome holds what goes to a remote together, a flight, and what became of it:
// what the runs have said, which of the works a complaint belongs to, and what stood on
// this host afterwards. It starts nothing and reads nothing.
package outcome
