# stage DIR REPOSITORY BINARY: runs DIR/scripts/page as root of a throw-away
# system. This script is the first process of namespaces of its own.
set -e
dir=$1 repo=$2 binary=$3

# The addresses and names of the documentation.
ip link set lo up
for address in 192.168.1.10 192.168.1.41 192.168.1.42; do
	ip address add "$address/32" dev lo
done
hostname source.example.com

# An overlay over this host's files; every write goes to memory.
mount --make-rprivate /
mkdir "$dir/mem"
mount -t tmpfs -o size=256m tmpfs "$dir/mem"
root=$dir/mem/root
mkdir "$dir/mem/up" "$dir/mem/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$dir/mem/up,workdir=$dir/mem/work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/run"
mkdir "$root/tmp/repo" "$root/tmp/page" "$root/run/sshd"
mount --bind "$repo" "$root/tmp/repo"
mount --bind "$dir/scripts" "$root/tmp/page"

rm -rf "$root/etc/sersync" "$root/var/lib/sersync" "$root/var/log/sersync" "$root/etc/rsyncd.conf"
cp "$binary" "$root/usr/bin/sersync"
ln -sf sersync "$root/usr/bin/sersync2"
printf '%s\n' '127.0.0.1 localhost' '192.168.1.10 source.example.com' '192.168.1.41 backup.example.com' >"$root/etc/hosts"

exec chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	HOME=/root LC_ALL=C.UTF-8 REPO=/tmp/repo sh /tmp/page/page
