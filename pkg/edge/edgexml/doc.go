// Package edgexml turns edge.xml, the configuration of sersync-edge, into one typed
// Config.
//
// One table (elements) names every element and attribute with its meaning: the reader,
// the warnings about unknown names and the reference in docs/edge.md come
// from it. All mistakes of a file are found at once, each with its line and with what
// to write instead.
package edgexml
