// Package edge is one invocation of sersync-edge: it follows the trees of its
// configuration, checks that, or asks an edge that runs.
package edge
