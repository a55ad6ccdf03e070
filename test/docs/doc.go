// Package docs checks that the documentation is true: every command in it is run as it is written,
// every configuration in it is read, what is generated from the code is compared with it, and every
// link and test name leads somewhere.
//
// A shell block says how it is treated in its info string:
//
//	```sh run         it is run; it must succeed
//	```sh run exit=1  it must end with that status
//	```sh norun="why" it is not run
//
// An XML block is a whole configuration or a fragment of one, which is put
// where it belongs, or something else ("xml other").
//
// The blocks of a page are run in order, as root, in namespaces of their own:
// the file system is an overlay over this host's, the network has only a
// loopback with the addresses that the documentation uses. So they may write
// to /etc and start daemons on well-known ports; nothing of it is left.
//
// go test ./test/docs -update renews what is generated.
package docs
