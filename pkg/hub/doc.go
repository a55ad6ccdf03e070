// Package hub is the server that keeps the streams: nats-server as a library, with JetStream on
// disk, TLS, and a key for each client. It makes certificate and keys at the first start, applies a
// changed roster while it runs, and goes on by itself when its disk has been full.
//
// Packages identity and roster below it keep its files; package hubcmd is its command line.
package hub
