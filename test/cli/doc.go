// Package cli runs the program as a person or a service manager does, and checks what it prints,
// its exit status, and what it leaves behind. Everything is in files of its tests, and no package
// imports it.
package cli
