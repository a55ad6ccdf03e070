// Package plugintest is the suite that every plugin passes. A plugin's own test describes how to
// make the plugin and a receiver for it (a Subject), and calls Run; the suite itself makes the
// receiver do everything that a receiver can do wrong.
//
// The suite checks what package plugins promises: nothing is missing, the last
// state of a path is the one that is seen, a path's states arrive in order,
// names arrive as exact bytes, a receiver that is slow, refuses, fails, hangs,
// closes early or talks nonsense delays nobody and loses nothing, a stop is
// bounded, and no goroutine is left behind.
package plugintest
