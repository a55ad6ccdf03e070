// Package preflight tries what a configuration says before a start relies on it (--check --connect): whether each remote
// can be reached and lets this host in, and whether a file can be written, listed and deleted in the place where files
// would go; whether the kernel's limits suffice for the trees; and whether another program serves them already.
//
// It leaves everything as it was. The only thing that it writes on a remote is a probe: small files of a random name of
// its own, which it deletes again whatever happens. A remote that does not let it delete gets none.
package preflight
