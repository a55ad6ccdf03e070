// Package watchroot is one localpath of the configuration: a directory, its watcher, and what has
// to be known of it to mirror it. It passes changes on to the lanes and the plugins, scans for
// changes that the watcher has lost, learns from the brake whether the directory and its mounts are
// the ones it remembers, and finds the other names of files that have several.
//
// A Root belongs to one reading of the configuration; a Watch outlives it as long
// as the same tree is watched for the same events. Neither decides which lanes
// there are, and neither waits for a remote.
package watchroot
