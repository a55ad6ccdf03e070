#!/usr/bin/env bash
# Runs the main job on examples/quickstart against a throw-away rsync daemon.
# Everything it starts ends with it, and its directory is removed.
set -euo pipefail
cd "$(dirname "$0")/.."

# The first port from $1 on at which nobody listens.
free() {
    local port
    for ((port = $1; port < $1 + 200; port++)); do
        if ! (exec 3<> "/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    echo "quickstart: no free port from $1 on" >&2
    return 1
}

port=${QUICKSTART_PORT:-$(free 8730)}
page=${QUICKSTART_PAGE:-$(free 8008)}
files=examples/quickstart/files
work=$(mktemp -d "${TMPDIR:-/tmp}/sersync-quickstart.XXXXXX")
daemon='' follow=''

finish() {
    trap - EXIT INT TERM
    for pid in $follow $daemon; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap finish EXIT
# Ctrl-C reaches sersync as well, which then ends in order; bash waits for it.
trap ':' INT TERM

mkdir "$work/target" "$work/log"
chmod 755 "$work"
: > "$work/log/rsyncd.log"
cat > "$work/rsyncd.conf" <<EOF
use chroot = no
max connections = 0
log file = $work/log/rsyncd.log
transfer logging = yes
log format = ARRIVED %o %f
[quickstart]
path = $work/target
read only = no
EOF

as=()
if [ "$(id -u)" = 0 ]; then
    # Not even here a daemon that runs as root.
    chown -R nobody:nogroup "$work/target" "$work/log"
    as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi
# In a session of its own, so that Ctrl-C does not end it before sersync.
setsid "${as[@]}" rsync --daemon --no-detach --address=127.0.0.1 --port="$port" --config="$work/rsyncd.conf" &
daemon=$!
up=''
for _ in $(seq 100); do
    modules=$(rsync --port="$port" 127.0.0.1:: 2>/dev/null || true)
    if [[ $modules == quickstart* ]]; then
        up=yes
        break
    fi
    kill -0 "$daemon" 2>/dev/null || break
    sleep 0.05
done
if [ -z "$up" ]; then
    echo "quickstart: no rsync daemon on 127.0.0.1:$port (is the port taken? QUICKSTART_PORT=NUMBER make run takes another)" >&2
    exit 1
fi

(umask 077; sed -e "s|@WORK@|$work|g" -e "s|port=\"8730\"|port=\"$port\"|" -e "s|port=\"8008\"|port=\"$page\"|" examples/quickstart/confxml.xml > "$work/confxml.xml")
# The name of each file as the daemon logs it: what has really arrived.
tail -n 0 -F "$work/log/rsyncd.log" 2>/dev/null \
    > >(sed -u -n -e 's/.*ARRIVED recv /  arrived  /p' -e 's/.*ARRIVED del\. /  deleted  /p') &
follow=$!

cat <<EOF

  source  $files
  target  $work/target   (rsync module on 127.0.0.1:$port, removed at the end)
  page    http://127.0.0.1:$page/

  Change something in the source, for example in a second terminal:
      echo hello > $files/new.txt
  Ctrl-C ends it.

EOF
status=0
"${SERSYNC_TEST_BINARY:-bin/sersync}" -r -o "$work/confxml.xml" || status=$?
exit "$status"
