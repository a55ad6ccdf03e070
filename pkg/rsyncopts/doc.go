// Package rsyncopts knows rsync's options by name: their letters, whether they
// take a value, and what becomes of each one that stands in commonParams. One
// table says it, for the command line of each run and for what people are told
// before a start.
//
// 2.5.4 pasted commonParams into a shell line, whatever stood there. Most options
// still go to rsync as they are; see Use for the others.
package rsyncopts
