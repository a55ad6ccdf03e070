// Package runcommand runs the commands that the configuration names: for plugins,
// and to notify a person.
//
// A command is a list of words and no line for a shell. It runs in a process group of
// its own, ends with the program, has a time limit, and inherits neither open files nor
// the password of rsync. Split makes the words of an attribute, as a shell splits a
// line, and refuses everything that a shell would execute.
package runcommand
