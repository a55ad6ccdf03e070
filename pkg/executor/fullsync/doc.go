// Package fullsync holds which full syncs of a lane have been asked for, and how far the first of
// them is. It is pure but for the function that ends a running one; the loop of the lane owns it.
package fullsync
