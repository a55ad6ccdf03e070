#!/bin/bash
# The script of most tutorials: it runs one full rsync for each event.
src=$1 target=$2
inotifywait -mrq --format '%w%f' -e modify,delete,create,attrib,move,close_write "$src" |
while read -r file; do
    rsync -artuz --delete --sockopts=TCP_NODELAY "$src/" "$target"
done
