package testkit

import "testing"

// The suite has two sizes. "go test -short" is the quick one: it runs some tests of each kind, in a
// few minutes. Without -short all tests run.

// Long ends a test in the quick suite. Use it for a test that takes long for what it shows, if
// other tests of its kind are in the quick suite.
func Long(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("part of the whole suite only (no -short)")
	}
}

// Few returns the first n rows of a table in the quick suite, otherwise all rows.
func Few[T any](rows []T, n int) []T {
	if testing.Short() {
		return rows[:min(n, len(rows))]
	}
	return rows
}
