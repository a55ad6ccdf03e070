# Uses the units of the package under systemd. The first check that fails ends the script.
set -e

step() { printf '\n# %s\n' "$*"; }
cmd() {
	printf '$ %s\n' "$*"
	eval "$*"
}
capabilities() { # capabilities MASK: of the service's process
	cmd "grep CapEff /proc/\$(systemctl show -p MainPID --value sersync)/status"
	grep -q "^CapEff:.*$1\$" "/proc/$(systemctl show -p MainPID --value sersync)/status"
}

step A target with an rsync daemon and sshd
mkdir -p /data/www /data/copy /data/ssh /data/copy-bbs /data/ssh-bbs
printf '%s\n' 'uid = root' 'gid = root' '[www]' 'path = /data/copy' 'read only = no' '[bbs]' 'path = /data/copy-bbs' 'read only = no' >/etc/rsyncd.conf
rsync --daemon
ssh-keygen -A >/dev/null
systemctl restart ssh
mkdir -p -m 700 /root/.ssh
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
cp /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
ssh-keyscan 192.168.1.41 >/root/.ssh/known_hosts 2>/dev/null

step Install and start: ready once the watches are set
cmd dpkg --install "/packages/sersync_3.0.0-1_$(dpkg --print-architecture).deb"
sed -i -e 's#/opt/tongbu#/data/www#' \
	-e 's#<remote ip="127.0.0.1" name="tongbu1"/>#<remote ip="192.168.1.41" name="www"/><remote ip="192.168.1.41" name="/data/ssh" ssh="true"/>#' \
	/etc/sersync/confxml.xml
echo one >/data/www/one
install -m 600 -o nobody /dev/null /data/www/secret
cmd systemctl enable --now sersync
cmd 'systemctl show -p ActiveState -p NotifyAccess -p StatusText sersync'
cmd 'test "$(systemctl is-active sersync)" = active'
capabilities 10200006

step rsync and ssh work under the hardening, and links inside the root cannot be followed
cmd sersync --wait=60 -o /etc/sersync/confxml.xml
echo two >/data/www/two
cmd sersync --wait=60 -o /etc/sersync/confxml.xml
cmd diff -r /data/www /data/copy
cmd diff -r /data/www /data/ssh
cmd 'test "$(stat -c %U:%a /data/copy/secret)" = nobody:600'
cmd '! journalctl -u sersync | grep "cannot be ruled out here"'
cmd 'test -x /tmp/rsync_fail_log.sh'

step Reload: attrib is switched on, without a restart
pid=$(systemctl show -p MainPID --value sersync)
cmd "sed -i 's#<attrib start=\"false\"/>#<attrib start=\"true\"/>#' /etc/sersync/confxml.xml"
cmd systemctl reload sersync
cmd 'test "$pid" = "$(systemctl show -p MainPID --value sersync)"'
cmd sersync --wait=60 -o /etc/sersync/confxml.xml
cmd chmod 640 /data/www/one
cmd sersync --wait=60 -o /etc/sersync/confxml.xml
cmd 'test "$(stat -c %a /data/copy/one)" = 640'

step A second instance from the template
sed -e 's#/data/www#/data/bbs#' -e 's#8008#8009#' -e 's#name="www"#name="bbs"#' -e 's#name="/data/ssh"#name="/data/ssh-bbs"#' \
	-e 's#rsync_fail_log#bbs_fail_log#' /etc/sersync/confxml.xml >/etc/sersync/bbs.xml
mkdir /data/bbs
echo post >/data/bbs/post
cmd systemctl start sersync@bbs
cmd sersync --wait=60 -o /etc/sersync/bbs.xml
cmd cat /data/copy-bbs/post /data/ssh-bbs/post

step A crash: started again, nothing lost
cmd 'kill -KILL "$(systemctl show -p MainPID --value sersync@bbs)"'
echo more >/data/bbs/more
i=0
until sersync --wait=60 -o /etc/sersync/bbs.xml >/dev/null 2>&1; do
	i=$((i + 1))
	[ $i -lt 60 ] || exit 1
	sleep 1
done
cmd cat /data/copy-bbs/more
cmd systemctl stop sersync@bbs

step A user of its own with CAP_DAC_READ_SEARCH alone
cmd systemctl stop sersync
cmd useradd --system --home-dir /var/lib/sersync --shell /usr/sbin/nologin sersync
cmd chgrp sersync /etc/sersync/confxml.xml
cmd "sed -i -e 's#/tmp/rsync_fail_log.sh#/var/log/sersync/fail.sh#' -e 's#<remote ip=\"192.168.1.41\" name=\"/data/ssh\" ssh=\"true\"/>##' /etc/sersync/confxml.xml"
cmd chown -R sersync: /var/lib/sersync /var/log/sersync
cmd install -D -m 644 /usr/share/doc/sersync/systemd/dedicated-user.conf /etc/systemd/system/sersync.service.d/dedicated-user.conf
cmd systemctl daemon-reload
cmd systemctl start sersync
capabilities 0000000000000004
install -m 600 /dev/null /data/www/only-root
echo x >/data/www/only-root
cmd sersync --wait=60 -o /etc/sersync/confxml.xml
cmd cat /data/copy/only-root
cmd 'test "$(stat -c %U:%a /data/copy/only-root)" = root:600'

step Purge while it runs
cmd dpkg --purge sersync
cmd 'test ! -e /var/lib/sersync && test ! -e /usr/bin/sersync'
cmd '! systemctl is-active sersync'

printf '\n# everything held\n'
