# Installs, upgrades and removes the package on a Debian where systemd does not run. The output
# is a transcript; the first check that fails ends the script.
set -e

step() { printf '\n# %s\n' "$*"; }
cmd() {
	printf '$ %s\n' "$*"
	eval "$*"
}
fails() { # fails STATUS COMMAND
	want=$1
	shift
	printf '$ %s\n' "$*"
	set +e
	(eval "$*")
	got=$?
	set -e
	[ "$got" = "$want" ] || {
		echo "status $got, not $want"
		exit 1
	}
}
arch=$(dpkg --print-architecture)

step Install
cmd dpkg --install "/packages/sersync_3.0.0-1_$arch.deb"
cmd sersync --version
cmd 'test "$(readlink /usr/bin/sersync2)" = sersync'
cmd 'stat -c "%a %U %n" /etc/sersync/confxml.xml /var/lib/sersync /var/log/sersync'
cmd 'test "$(stat -c %a /etc/sersync/confxml.xml)" = 640'
cmd dpkg --verify sersync

step Nothing was started, and the shipped configuration is refused: its directory is missing
fails 3 /etc/init.d/sersync status
fails 1 sersync --check -o /etc/sersync/confxml.xml
fails 1 /etc/init.d/sersync start

step A target
cmd mkdir -p /data/www /data/www-copy
cat >/etc/rsyncd.conf <<'EOF'
uid = root
gid = root
use chroot = yes
[www]
path = /data/www-copy
read only = no
auth users = web
secrets file = /etc/rsyncd.secrets
EOF
install -m 600 /dev/null /etc/rsyncd.secrets
echo web:change-me >/etc/rsyncd.secrets
cmd rsync --daemon

step Configure and start
install -m 600 /dev/null /etc/sersync/web.pas
echo change-me >/etc/sersync/web.pas
cmd "sed -i -e 's#/opt/tongbu#/data/www#' -e 's#ip=\"127.0.0.1\" name=\"tongbu1\"#ip=\"192.168.1.41\" name=\"www\"#' \
	-e 's#auth start=\"false\" users=\"root\" passwordfile=\"/etc/rsync.pas\"#auth start=\"true\" users=\"web\" passwordfile=\"/etc/sersync/web.pas\"#' /etc/sersync/confxml.xml"
cmd sersync --check -o /etc/sersync/confxml.xml '>/dev/null'
echo before >/data/www/before
cmd /etc/init.d/sersync start
cmd /etc/init.d/sersync start # a second time: nothing happens
cmd /etc/init.d/sersync status
cmd sersync --wait=60 -o /etc/sersync/confxml.xml
cmd 'echo hello >/data/www/hello'
cmd sersync --wait=60 -o /etc/sersync/confxml.xml
cmd 'test "$(cat /data/www-copy/before /data/www-copy/hello)" = "before
hello"'
cmd sersync --status -o /etc/sersync/confxml.xml

step Logs are rotated
cmd 'logrotate --force --state /tmp/logrotate.state /etc/logrotate.d/sersync'
cmd 'ls /var/log/sersync'

step Upgrade while files change
sum=$(sha256sum /etc/sersync/confxml.xml)
i=0
while [ $i -lt 400 ]; do
	i=$((i + 1))
	echo $i >/data/www/during.$i
	[ $((i % 20)) != 0 ] || mv /data/www/during.$i /data/www/moved.$i
done &
cmd dpkg --install "/packages/sersync_3.0.1-1_$arch.deb"
wait $!
cmd sersync --version
cmd 'test "$sum" = "$(sha256sum /etc/sersync/confxml.xml)"'
cmd 'test "$(readlink "/proc/$(cat /run/sersync/etc-sersync-confxml.xml.pid)/exe")" = /usr/bin/sersync'
cmd sersync --wait=60 -o /etc/sersync/confxml.xml
cmd diff -r /data/www /data/www-copy
cmd 'ls /data/www-copy | wc -l'

step A second configuration, a process of its own
mkdir -p /data/bbs
sed -e 's#/data/www#/data/bbs#' -e 's#name="www"#name="www/bbs"#' -e 's#8008#8009#' -e 's#rsync_fail_log.sh#bbs_fail_log.sh#' \
	/etc/sersync/confxml.xml >/etc/sersync/bbs.xml
cmd "sed -i 's#^CONFIGS=.*#CONFIGS=\"/etc/sersync/confxml.xml /etc/sersync/bbs.xml\"#' /etc/default/sersync"
echo bbs >/data/bbs/post
cmd /etc/init.d/sersync start
cmd sersync --wait=60 -o /etc/sersync/bbs.xml
cmd cat /data/www-copy/bbs/post
cmd /etc/init.d/sersync restart
cmd /etc/init.d/sersync reload
cmd /etc/init.d/sersync status

step Remove: stopped, configuration and state stay
cmd dpkg --remove sersync
cmd 'test ! -e /usr/bin/sersync && test -f /etc/sersync/confxml.xml && test -d /var/lib/sersync'
cmd '! grep -l sersync /proc/[0-9]*/comm'

step Purge: nothing of the package is left
cmd dpkg --purge sersync
cmd rm /etc/sersync/web.pas /etc/sersync/bbs.xml # ours, not those of the package
rmdir /etc/sersync 2>/dev/null || true
cmd 'find / -xdev -name "*sersync*" -not -path "/proc/*" -not -path "/tmp/*" -not -path "/data/*"'
cmd 'test -z "$(find / -xdev -name "*sersync*" -not -path "/proc/*" -not -path "/tmp/*" -not -path "/data/*")"'

printf '\n# everything held\n'
