# Runs as root of a throw-away system: the overlay of test/docs, with a loopback that has
# 192.168.1.10 and 192.168.1.41.
set -eu
rm -f /usr/bin/sersync /usr/bin/sersync2
rm -f /sbin/init # systemd does not run here: Ansible has to find the script in /etc/init.d
export ANSIBLE_LOCAL_TEMP=/tmp/ansible ANSIBLE_REMOTE_TEMP=/tmp/ansible ANSIBLE_NOCOWS=1 ANSIBLE_DEPRECATION_WARNINGS=0
cp -R "$REPO/examples/ansible" /tmp/play
cd /tmp/play

fail() {
    echo "FAILED: $*"
    cat /tmp/run.out
    exit 1
}

# The other side: the module www of 192.168.1.41.
mkdir -p /data/www /data/copy
printf '%s\n' 'uid = root' 'gid = root' 'address = 192.168.1.41' '[www]' 'path = /data/copy' 'read only = no' \
    'auth users = web' 'secrets file = /etc/rsyncd.secrets' > /etc/rsyncd.conf
(umask 077; echo 'web:se&cret' > /etc/rsyncd.secrets)
rsync --daemon
echo first > /data/www/index.html

cat > inventory << 'EOF'
[content]
localhost ansible_connection=local ansible_python_interpreter=/usr/bin/python3
EOF

# play [VARIABLE...]: the playbook of the example, with its own package and password.
play() {
    ansible-playbook -i inventory site.yml -e "sersync_package=$(echo /tmp/page/packages/sersync_*.deb)" -e 'web_password="se&cret"' "$@" > /tmp/run.out 2>&1
}

pid() {
    sersync --status --json | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p'
}

arrives() {
    for _ in $(seq 300); do
        [ "$(cat "/data/copy/$1" 2> /dev/null)" = "$2" ] && return
        sleep 0.1
    done
    fail "$1 has not arrived"
}

ansible-playbook -i inventory site.yml --syntax-check > /tmp/run.out 2>&1 || fail "syntax check"

play || fail "the first run"
grep -q 'changed=[1-9]' /tmp/run.out || fail "the first run changed nothing"
[ "$(stat -c '%a %U' /etc/sersync/web.pas)" = "600 root" ] || fail "mode of the password file"
sersync --wait=60 || fail "it does not run"
echo second > /data/www/index.html
arrives index.html second
first=$(pid)

play || fail "the second run"
grep -q 'changed=0 .*failed=0' /tmp/run.out || fail "the second run changes something"

play -e '{"sersync_excludes": ["(.*)\\.tmp", "a&b"]}' || fail "the run with filters"
grep -q 'RUNNING HANDLER \[sersync : Reload sersync\]' /tmp/run.out || fail "no reload"
[ "$(pid)" = "$first" ] || fail "it was started anew"
echo x > /data/www/scratch.tmp
echo third > /data/www/index.html
arrives index.html third
[ ! -e /data/copy/scratch.tmp ] || fail "the filter is not in force"

cp /etc/sersync/confxml.xml /tmp/before
if play -e '{"sersync_localpaths": [{"watch": "/data/www", "remotes": [{"ip": "192.168.1.41", "name": "nowhere"}]}]}'; then
    fail "a module that is not there is accepted"
fi
grep -q nowhere /tmp/run.out || fail "the failure does not name the module"
cmp /tmp/before /etc/sersync/confxml.xml || fail "the file that works was replaced"
echo fourth > /data/www/index.html
arrives index.html fourth
[ "$(pid)" = "$first" ] || fail "it was started anew"

sersync --stop > /tmp/run.out 2>&1 || fail "--stop"
echo
echo "everything held"
