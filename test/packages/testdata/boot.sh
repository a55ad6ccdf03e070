# boot DIR ROOT PACKAGES SCRIPT RESULT: boots a copy of a Debian root with
# systemd, which runs SCRIPT with its output in RESULT and ends. It is the first
# process of namespaces of its own.
set -e
dir=$1 lower=$2 packages=$3 script=$4 result=$5

ip link set lo up
ip address add 192.168.1.41/32 dev lo
hostname source.example.com

mount --make-rprivate /
mkdir "$dir/mem"
mount -t tmpfs -o size=700m tmpfs "$dir/mem"
root=$dir/mem/root
mkdir "$dir/mem/up" "$dir/mem/work" "$root"
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$dir/mem/up,workdir=$dir/mem/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mountpoint -q "$root/sys/fs/cgroup" || mount -t tmpfs tmpfs "$root/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for name in null zero full random urandom tty; do
	touch "$root/dev/$name"
	mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/shm" "$root/dev/pts" "$root/dev/mqueue"
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"

mkdir "$root/packages"
mount --bind "$packages" "$root/packages"
touch "$root/result"
mount --bind "$result" "$root/result"
cp "$script" "$root/script"
printf '%s\n' '127.0.0.1 localhost source.example.com' >"$root/etc/hosts"
cat >"$root/etc/systemd/system/script.service" <<'EOF'
[Unit]
After=basic.target dbus.socket

[Service]
Type=oneshot
Environment=HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
ExecStartPre=/bin/umount --lazy /outside
ExecStart=/bin/sh -c 'sh /script >/result 2>&1; systemctl exit --force'
TimeoutStartSec=240
EOF
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../script.service "$root/etc/systemd/system/multi-user.target.wants/script.service"

# This must not be a chroot: inside of one nobody can make a user namespace, which PrivateUsers= needs.
mkdir "$root/outside"
cd "$root"
pivot_root . outside
exec /usr/bin/env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin \
	/lib/systemd/systemd --system --log-target=console
