// Package hub is the server that streams live on: nats-server as a library, with
// JetStream on disk, TLS, and a key for everybody. It makes what it needs at the first
// start, takes over a changed roster while it runs, and goes on by itself when its disk
// has been full.
//
// Packages identity and roster below it are its files; package hubcmd is its command
// line.
package hub
