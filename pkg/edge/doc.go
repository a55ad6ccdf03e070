// Package edge is one invocation of sersync-edge: it follows the trees of its configuration, checks
// the configuration, or asks a running edge for its state.
package edge
