# stage DIR ROOT PACKAGES SCRIPT: runs SCRIPT in a copy of a Debian root. This
# script is the first process of namespaces of its own.
set -e
dir=$1 lower=$2 packages=$3 script=$4

ip link set lo up
ip address add 192.168.1.41/32 dev lo
hostname source.example.com

mount --make-rprivate /
mkdir "$dir/mem"
mount -t tmpfs -o size=512m tmpfs "$dir/mem"
root=$dir/mem/root
mkdir "$dir/mem/up" "$dir/mem/work" "$root"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$dir/mem/up,workdir=$dir/mem/work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mkdir "$root/packages"
mount --bind "$packages" "$root/packages"
cp "$script" "$root/script"
printf '%s\n' '127.0.0.1 localhost source.example.com' >"$root/etc/hosts"

exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
	DEBIAN_FRONTEND=noninteractive sh /script
