package testkit

import "testing"

// The suite has two sizes. "go test -short" is the quick one: of each kind of
// test something, in a few minutes. Without -short everything runs.

// Long ends a test in the quick suite: it takes long for what it shows, and
// others of its kind are in the quick suite.
func Long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("part of the whole suite only (no -short)")
	}
}

// Few returns the first n rows of a table in the quick suite, else all of them.
func Few[T any](rows []T, n int) []T {
	if testing.Short() {
		return rows[:min(n, len(rows))]
	}
	return rows
}
