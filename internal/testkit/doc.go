// Package testkit is what the end-to-end tests share: the product's binary in
// a scratch directory (Start), a real rsync daemon (Rsyncd) and a real sshd
// (Sshd) on loopback, an rsync wrapper that records how it was called
// (Recorder), the operations of the recorded runs (Tree), and the one function
// that says whether a source and a target are equal (Equal).
//
// Product code never imports it. Everything it starts carries a mark in its
// environment or its own process group, and is ended when the test ends;
// nothing is written outside the test's temporary directories.
//
// Waiting is always for a condition (Eventually, WaitEqual); the only ticker
// of the tests is the one in Eventually.
package testkit
