// Package hubclient is an edge's connection to its hub or NATS cluster: it follows trees, and sends
// the edge's reports.
//
// A tree is followed by a plain subscription to the subject on which the server republishes each
// message once it is stored. When messages before the one that arrives are missing, they are read
// from the stream, and so are messages that may have been missed while nothing came. The server
// keeps nothing for an edge.
package hubclient
