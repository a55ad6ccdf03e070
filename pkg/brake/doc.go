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
//   - Network and overlay file systems are what their mount source or upper
//     directory says (mountinfo).
//   - tmpfs is another file system after every boot, by nature: across boots
//     only its kind and whether it is empty are looked at.
//
// A root that was deleted and created again under the same name is another
// root: it stays held, whatever it holds by then, until the operator accepts
// it, or the configuration says that it is made anew (Recreated). A root that is
// the same and empty stays held for what a scan finds
// missing until entries are back; deletions seen one by one as events go
// through (rm -rf root/* is a wish).
//
// Take blocks as long as the file systems do (a dead NFS server) and belongs
// in no event path. Nothing here starts goroutines or writes files; all types
// are plain data.
package brake
