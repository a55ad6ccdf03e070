// Package hubclient is an edge's connection to its hub or NATS cluster: it follows trees,
// and tells how the edge is.
//
// A tree is followed by a plain subscription to what the server publishes again once it
// is stored. What is missing before a message that arrives is read from the stream, and
// so is what may have been missed while nothing came. The server keeps nothing for an
// edge.
package hubclient
