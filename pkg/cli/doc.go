// Package cli is what a person at a terminal meets of the program: the command line of 2.5.4 and
// its extensions, the lines that 2.5.4 prints at start, the help and version texts.
//
// The package only turns text into values and values into text. It reads no
// file, changes nothing and never exits; cmd/sersync decides what to do with
// the result.
package cli
