#!/usr/bin/env bash
# A hub, a source and five edges on loopback, each with directories of its own below one
# that is removed at the end, like everything that is started here.
set -euo pipefail
cd "$(dirname "$0")/.."

sersync=${SERSYNC_TEST_BINARY:-bin/sersync}
hub=${SERSYNC_HUB_BINARY:-bin/sersync-hub}
edge=${SERSYNC_EDGE_BINARY:-bin/sersync-edge}
edges='edge-1 edge-2 edge-3 edge-4 edge-5'

# The first port from $1 on at which nobody listens.
free() {
    local port
    for ((port = $1; port < $1 + 200; port++)); do
        if ! (exec 3<> "/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    echo "run-edges: no free port from $1 on" >&2
    return 1
}

port=${EDGES_HUB:-$(free 4222)}
module=${EDGES_RSYNC:-$(free 8830)}
page=${EDGES_PAGE:-$(free 8008)}
work=$(mktemp -d "${TMPDIR:-/tmp}/sersync-edges.XXXXXX")
chmod 755 "$work"
started=()

finish() {
    trap - EXIT INT TERM
    for pid in "${started[@]}"; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in "${started[@]}"; do
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$work"
}
trap finish EXIT
# Ctrl-C reaches sersync as well, which then ends in order; bash waits for it.
trap ':' INT TERM

# In sessions of their own, so that Ctrl-C ends sersync first.
begin() {
    setsid "$@" &
    started+=($!)
}

await() {
    for _ in $(seq 200); do
        if "${@:2}" >/dev/null 2>&1; then
            return
        fi
        sleep 0.05
    done
    echo "run-edges: $1 does not come up; see the lines above" >&2
    exit 1
}

mkdir "$work/source" "$work/log" "$work/rsyncd"
echo 'hello' > "$work/source/hello.txt"

begin "$hub" --dir "$work/hub" --listen "127.0.0.1:$port" --metrics '' --max-store 512 > "$work/log/hub.log" 2>&1
await 'the hub' test -s "$work/hub/address"

# From here edges fetch what is too large for a message.
cat > "$work/rsyncd.conf" <<END
use chroot = no
log file = $work/rsyncd/log
[demo]
path = $work/source
read only = yes
END
as=()
if [ "$(id -u)" = 0 ]; then
    # Not even here a daemon that runs as root.
    chown nobody:nogroup "$work/rsyncd"
    as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
fi
begin "${as[@]}" rsync --daemon --no-detach --address=127.0.0.1 --port="$module" --config="$work/rsyncd.conf"
await 'the rsync daemon' rsync --port="$module" 127.0.0.1::demo

# Each edge runs this after a change that has arrived.
cat > "$work/say" <<'END'
#!/bin/sh
what=deleted
if [ -e "$2" ] || [ -L "$2" ]; then
    what=arrived
fi
printf '  %s  %s  %s\n' "$what" "$1" "${2#*/"$1"/tree/}"
END
chmod 755 "$work/say"

for name in $edges; do
    mkdir -p "$work/$name/tree"
    (
        umask 077
        "$hub" add-edge "$name" demo --dir "$work/hub" > "$work/$name/printed"
        sed -n '/^# key/{n;p}' "$work/$name/printed" > "$work/$name/key"
    )
    sed -n '/^# ca/,$p' "$work/$name/printed" | sed 1d > "$work/$name/ca.pem"
    cat > "$work/$name/edge.xml" <<END
<edge name="$name">
  <stream url="$(sed -n '/^# address/{n;p}' "$work/$name/printed")" creds="$work/$name/key" ca="$work/$name/ca.pem"/>
  <state dir="$work/$name/state"/>
  <status socket="$work/$name/socket"/>
  <log file="$work/log/$name.log"/>
  <plugin name="command"><param prefix="$work/say $name"/></plugin>
  <tree name="demo" dir="$work/$name/tree"><plugin name="command"/><upstream host="127.0.0.1" port="$module" module="demo"/></tree>
</edge>
END
    begin "$edge" -o "$work/$name/edge.xml"
done

(
    umask 077
    cat > "$work/confxml.xml" <<END
<?xml version="1.0" encoding="UTF-8"?>
<head version="2.5">
    <host hostip="localhost" port="$page"/>
    <inotify><delete start="true"/><createFolder start="true"/><closeWrite start="true"/><moveFrom start="true"/><moveTo start="true"/></inotify>
    <sersync>
	<localpath watch="$work/source">
	    <stream name="demo" url="nats://127.0.0.1:$port" creds="$work/hub/source.nk" ca="$work/hub/ca.pem" size="128"/>
	</localpath>
	<failLog path="$work/rsync_fail_log.sh" timeToExecute="60"/>
    </sersync>
    <state dir="$work/state"/>
</head>
END
)

cat <<END

  source  $work/source
  edges   $work/edge-1/tree to edge-5/tree
  page    http://127.0.0.1:$page/

  Change something in the source, for example in a second terminal:
      echo hello > $work/source/new.txt
  How the edges are:
      $sersync --status -o $work/confxml.xml
  Ctrl-C ends it, and nothing of it stays.

END
status=0
"$sersync" -r -o "$work/confxml.xml" > "$work/log/sersync.log" 2>&1 || status=$?
exit "$status"
