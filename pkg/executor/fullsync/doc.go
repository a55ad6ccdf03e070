// Package fullsync holds which full syncs of a lane are wanted, and how far the one has
// come that is first. It is pure but for the function that ends a running one; the loop
// of the lane owns it.
package fullsync
