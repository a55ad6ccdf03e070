package brake

import (
	"fmt"
	"time"
)

// kind says which of a place's numbers identify it, which depends on its file system.
type kind uint8

const (
	plain    kind = iota // UUID if known; f_fsid made from the device number
	hashed               // f_fsid made from the UUID: stable
	volatile             // a new file system at every mount, by nature
	sourced              // identified by its mount source; inodes stable
	layered              // identified by its layers; inodes only while mounted
	vague                // identified by its mount source; inode numbers are invented while it is mounted
)

// kindOf returns the kind of a file system type. It is taken from the kernel's statfs methods
// (fs/*/super.c) of the file systems that people mirror.
func kindOf(fsType string) kind {
	switch fsType {
	case "ext2", "ext3", "ext4", "btrfs", "zfs", "bcachefs":
		return hashed
	case "tmpfs", "ramfs", "devtmpfs":
		return volatile
	case "nfs", "nfs4", "ceph", "lustre", "gfs2", "ocfs2":
		return sourced
	case "overlay", "aufs":
		return layered
	case "cifs", "smb3", "9p", "virtiofs":
		return vague
	}
	if len(fsType) >= 4 && fsType[:4] == "fuse" { // fuse, fuseblk, fuse.sshfs
		return vague
	}
	return plain
}

// differs says in a few words why now is another place than old; empty if both are the same place
// as far as can be told.
func differs(old, now Place) string {
	if old.Type != now.Type {
		return fmt.Sprintf("file system type %q, was %q", now.Type, old.Type)
	}
	sameBoot := old.Boot == now.Boot
	k := kindOf(now.Type)
	if k == volatile && !sameBoot {
		return ""
	}
	if why := differentFS(k, old, now, sameBoot); why != "" {
		return why
	}
	if k == vague || k == layered && !(sameBoot && old.Dev == now.Dev) {
		return ""
	}
	if old.Ino != now.Ino {
		return fmt.Sprintf("the directory was created anew (inode %d, was %d)", now.Ino, old.Ino)
	}
	// Whether a network file system reports the time of creation depends on the server's release.
	if k != sourced && old.Born != 0 && now.Born != 0 && old.Born != now.Born {
		return fmt.Sprintf("the directory was created anew (at %s, was %s)", bornAt(now), bornAt(old))
	}
	return ""
}

func bornAt(p Place) string { return time.Unix(0, p.Born).Format("2006-01-02 15:04:05.000") }

// differentFS compares the file systems alone.
func differentFS(k kind, old, now Place, sameBoot bool) string {
	switch k {
	case sourced, layered, vague:
		if old.Source != now.Source {
			return fmt.Sprintf("mounted from %q, was %q", now.Source, old.Source)
		}
		return ""
	case hashed:
		if old.FSID != now.FSID {
			return fmt.Sprintf("file system id %s, was %s", now.FSID, old.FSID)
		}
	case plain, volatile:
	}
	if old.UUID != "" && now.UUID != "" {
		if old.UUID != now.UUID {
			return fmt.Sprintf("file system %s, was %s", now.UUID, old.UUID)
		}
		return ""
	}
	// Without an identity that lasts, device numbers must do, which the
	// kernel keeps for as long as the file system is mounted.
	if sameBoot && k != hashed && (old.Dev != now.Dev || old.FSID != now.FSID) {
		return fmt.Sprintf("device %d (file system id %s), was %d (%s)", now.Dev, now.FSID, old.Dev, old.FSID)
	}
	return ""
}
