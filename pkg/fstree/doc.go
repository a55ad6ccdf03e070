// Package fstree looks at directory trees by descriptor: at one path below a root
// (Root, Looker), at everything below a directory (Walk, Changed), and at the mounts
// of this process (Mounts).
//
// No link is ever followed, except at the path by which a Root is opened: a path through a symlink
// does not exist for this program, wherever the link points. A single path is resolved by
// openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, on older kernels one component after the
// other with O_NOFOLLOW. In a walk a child is only ever opened from its parent's descriptor: no
// rename and no symlink swapped in while it runs can lead it out of the tree, and paths longer than
// PATH_MAX work. Listing is getdents64(2) with d_type; a stat call is made only where a file system
// does not fill in d_type, or where the caller asks for one.
//
// Nothing here keeps state between calls; every goroutine that a call starts has ended when it
// returns. It only reports what it sees.
package fstree
