// Package brake keeps a missing disk from being mirrored. It remembers what
// the watch root and every file system mounted below it were (Take), tells
// whether they still are that (Compare), and says for every path whether
// anything may be deleted there on the target (Verdict.Holds).
//
// What identifies a place, and why not its device number alone:
//
//   - A file system's UUID (FS_IOC_GETFSUUID, else /dev/disk/by-uuid) and the
//     inode of the place in it survive reboots, renamed disks and remounts.
//   - f_fsid of statfs(2) does so only where it is made from the UUID (ext,
//     btrfs, zfs); xfs, fat and f2fs make it from the device number.
//   - Device numbers of LVM, NFS, overlay, fuse and tmpfs change with every
//     boot or mount. They are compared within one boot only (by boot id).
//
// - Network and overlay file systems are identified by their mount source or upper directory
// (mountinfo). - tmpfs is another file system after every boot, by its nature: across boots only
// its type, and whether it is empty, are compared.
//
// A root that was deleted and created again under the same name is another root: its deletions stay
// held, whatever it contains by then, until the operator accepts it, or the configuration says that
// it is made anew (Recreated). While the same root is empty, what a scan finds missing is held
// until there are entries again. Deletions that were seen one by one as events are carried out, for
// rm -rf root/* was done on purpose.
//
// Take blocks as long as the file systems do (a dead NFS server), so it must not be called where
// events are handled. Nothing here starts goroutines or writes files; all types are plain data.
package brake
