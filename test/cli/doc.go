// Package cli runs the program as a person or a service manager does and looks
// at what it says, at its exit status and at what is left behind. All tests are
// in files of their own package; nothing imports it.
package cli
