// Package edgestatus shows the state of an edge: as data, as text for people, and over HTTP on a
// Unix socket and an address of its own. Nothing can be changed through it.
package edgestatus
