# Uses the packages of hub and edge under systemd, beside a source. The first check that fails
# ends the script.
set -e
trap '[ $? = 0 ] || { systemctl status "sersync*" --no-pager; journalctl -o cat --no-pager | tail -20; }' EXIT

step() { printf '\n# %s\n' "$*"; }
cmd() {
	printf '$ %s\n' "$*"
	eval "$*"
}
eventually() { # eventually COMMAND: within a minute
	printf '$ %s\n' "$*"
	i=0
	until (eval "$*") >/dev/null 2>&1; do
		i=$((i + 1))
		[ $i -lt 240 ] || {
			eval "$*" || true
			echo "not within a minute"
			exit 1
		}
		sleep 0.25
	done
}
exposure() { # exposure UNIT MOST: in tenths
	level=$(systemd-analyze security "$1" --no-pager | sed -n 's/.*exposure level for [^:]*: \([0-9]*\)\.\([0-9]\).*/\1\2/p')
	printf '$ systemd-analyze security %s: %s tenths\n' "$1" "$level"
	[ "$level" -le "$2" ]
}
arch=$(dpkg --print-architecture)
packages() { # packages VERSION
	for name in sersync sersync-hub sersync-edge; do echo "/packages/${name}_$1-1_$arch.deb"; done
}

step Install: nothing is started, configurations cannot be read by everybody
cmd dpkg --install $(packages 3.0.0)
cmd dpkg --verify sersync-hub sersync-edge
cmd '! systemctl is-active sersync-hub'
cmd '! systemctl is-active sersync-edge'
cmd 'test "$(stat -c %a /etc/sersync-edge/edge.xml)" = 640'
cmd systemd-analyze verify --man=no sersync-hub.service sersync-edge.service
exposure sersync-hub 20
exposure sersync-edge 45

step A hub: ready when it listens, with a user and a directory of its own
cmd systemctl enable --now sersync-hub
cmd 'test "$(systemctl is-active sersync-hub)" = active'
user=$(stat -c %u "/proc/$(systemctl show -p MainPID --value sersync-hub)")
cmd 'test "$user" -ge 61184' # one of DynamicUser=
cmd 'grep "^CapEff:.*0000000000000000$" /proc/$(systemctl show -p MainPID --value sersync-hub)/status'
cmd 'test "$(stat -c %a:%u /var/lib/sersync-hub/source.nk)" = "600:$user"'

step A source that publishes, with an rsync daemon for larger files
mkdir -p /data/www
printf '%s\n' '[www]' 'path = /data/www' 'read only = yes' >/etc/rsyncd.conf
cmd rsync --daemon
install -m 600 /var/lib/sersync-hub/source.nk /etc/sersync/source.nk
install -m 644 /var/lib/sersync-hub/ca.pem /etc/sersync/hub-ca.pem
sed -i -e 's#/opt/tongbu#/data/www#' \
	-e 's#<remote ip="127.0.0.1" name="tongbu1"/>#<stream name="www" size="64" url="nats://127.0.0.1:4222" creds="/etc/sersync/source.nk" ca="/etc/sersync/hub-ca.pem"/>#' \
	/etc/sersync/confxml.xml
echo small >/data/www/small
cmd sersync --check --connect -o /etc/sersync/confxml.xml
cmd systemctl enable --now sersync
cmd sersync --wait=60 -o /etc/sersync/confxml.xml

step An edge, with what one command on the hub prints, and a drop-in for its directory
mkdir -p /srv/www
cmd 'sersync-hub add-edge web-1 www >/root/printed'
sed -n '/^# key/{n;p}' /root/printed >/root/key
install -m 600 /root/key /etc/sersync-edge/web-1.nk
sed -n '/BEGIN CERT/,/END CERT/p' /root/printed >/etc/sersync-edge/ca.pem
cat >/etc/sersync-edge/edge.xml <<'XML'
<edge name="web-1">
  <stream url="tls://127.0.0.1:4222" creds="/etc/sersync-edge/web-1.nk" ca="/etc/sersync-edge/ca.pem"/>
  <tree name="www" dir="/srv/www"><upstream host="127.0.0.1" module="www"/></tree>
</edge>
XML
eventually sersync-edge --check --connect # the hub looks twice a second whether somebody is new
mkdir -p /etc/systemd/system/sersync-edge.service.d
printf '[Service]\nReadWritePaths=/srv/www\n' >/etc/systemd/system/sersync-edge.service.d/tree.conf
cmd systemctl daemon-reload
cmd systemctl enable --now sersync-edge
cmd 'test "$(systemctl is-active sersync-edge)" = active'
install -m 600 -o nobody /dev/null /data/secret
mv /data/secret /data/www/secret # attributes that change later are not sent by this configuration
head -c 300000 /dev/urandom >/data/www/large
eventually diff -r /data/www /srv/www
eventually sersync-edge --status
cmd 'test "$(stat -c %U:%a /srv/www/secret)" = nobody:600'
eventually 'sersync --status -o /etc/sersync/confxml.xml | grep "1 in sync"'

step Upgrade while files change: what was running runs the new program, keys and trees stay
key=$(sha256sum /var/lib/sersync-hub/source.nk /etc/sersync-edge/edge.xml)
i=0
while [ $i -lt 200 ]; do
	i=$((i + 1))
	echo $i >/data/www/during.$i
	[ $((i % 20)) != 0 ] || mv /data/www/during.$i /data/www/moved.$i
done &
cmd dpkg --install $(packages 3.0.1)
wait $!
cmd 'test "$key" = "$(sha256sum /var/lib/sersync-hub/source.nk /etc/sersync-edge/edge.xml)"'
for name in sersync-hub sersync-edge; do
	cmd "$name --version"
	cmd "test \"\$(readlink /proc/\$(systemctl show -p MainPID --value $name)/exe)\" = /usr/bin/$name"
done
eventually diff -r /data/www /srv/www

step A crash of the hub, and one of the edge: started again, nothing lost
cmd 'kill -KILL "$(systemctl show -p MainPID --value sersync-hub)"'
cmd 'kill -KILL "$(systemctl show -p MainPID --value sersync-edge)"'
echo after >/data/www/after
rm /data/www/large
eventually diff -r /data/www /srv/www

step Stop, and start again
cmd systemctl stop sersync-edge sersync-hub
cmd '! pgrep -x sersync-hub && ! pgrep -x sersync-edge'
echo meanwhile >/data/www/meanwhile
cmd systemctl start sersync-hub sersync-edge
eventually diff -r /data/www /srv/www

step Remove: stopped, keys, configurations and trees stay
cmd dpkg --remove sersync-edge sersync-hub
cmd '! pgrep -x sersync-hub && ! pgrep -x sersync-edge'
cmd 'test ! -e /usr/bin/sersync-hub && test ! -e /usr/bin/sersync-edge'
cmd 'test -f /etc/sersync-edge/edge.xml && test -f /var/lib/sersync-hub/source.nk && test -f /srv/www/after'

step Purge: nothing of the packages is left, and the tree is
cmd dpkg --purge sersync-edge sersync-hub
cmd rm -r /etc/systemd/system/sersync-edge.service.d /etc/sersync-edge # ours, not those of the package
cmd 'find / -xdev \( -name "*sersync-hub*" -o -name "*sersync-edge*" \) -not -path "/proc/*" -not -path "/tmp/*" -not -path "/usr/share/doc/sersync/*"'
cmd 'test -z "$(find / -xdev \( -name "*sersync-hub*" -o -name "*sersync-edge*" \) -not -path "/proc/*" -not -path "/tmp/*" -not -path "/usr/share/doc/sersync/*")"'
cmd 'test -f /srv/www/after'

printf '\n# everything held\n'
