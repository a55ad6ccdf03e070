// Package packages installs what make packages builds: the .deb in a clean
// Debian root, where it is configured, started, upgraded while files change,
// removed and purged, those of hub and edge beside it under systemd; the .rpm in an
// empty root.
//
// It needs root, a Debian mirror for debootstrap, and minutes, so it has a
// build tag: go test -tags packages ./test/packages, or make test-packages.
// SERSYNC_DEBIAN_ROOT names a root that debootstrap has made before, which
// saves the download; it is not written to.
package packages
