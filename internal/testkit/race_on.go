//go:build race

package testkit

// raceEnabled tells Build to compile the binary as the test was compiled.
const raceEnabled = true
