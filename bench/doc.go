// Package bench measures the program side by side with what it is compared
// to: a bare rsync, lsyncd, the usual inotifywait script, find, and a minimal
// walk-and-watch program in C. It holds Go benchmarks only; "make bench" runs
// them, and docs/benchmarks.md says how the figures come about.
//
// Each row is one benchmark that runs its work itself, several times, with the
// program and its reference in turn: on a busy machine a ratio of neighbours
// means more than a time. The program always runs with the shipped
// configuration, in which only the directories and targets are replaced.
package bench
