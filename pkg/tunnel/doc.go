// Package tunnel connects to an rsync daemon that stands behind TLS: stunnel, haproxy,
// nginx, or the server side of rsync-ssl.
//
// rsync itself speaks no TLS. It can be told to run a program that connects for it
// (RSYNC_CONNECT_PROG); it runs that command line in a shell. Environment makes it run this
// program: what the shell sees is always the same text, and everything else is in variables.
// Connect is then what that program does.
//
// There is no way past the verification of the remote's certificate, and none back to a
// connection without TLS.
package tunnel
