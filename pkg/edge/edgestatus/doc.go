// Package edgestatus tells how an edge is: as data, as text for people, and over HTTP on
// a Unix socket and an address of its own. Nothing can be changed through it.
package edgestatus
