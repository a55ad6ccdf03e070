#!/usr/bin/env bash
# need.sh COMMAND=PACKAGE...: installs the Debian packages whose commands are
# missing, and says so; does nothing where all are there. /FILE=PACKAGE is for one
# that has no command.
set -euo pipefail

PATH=$PATH:/usr/sbin:/sbin
missing=()
for pair in "$@"; do
    command -v "${pair%%=*}" > /dev/null || [[ $pair == /* && -e ${pair%%=*} ]] || missing+=("${pair#*=}")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as=()
if [ "$(id -u)" != 0 ]; then
    as=(sudo)
fi
if ! command -v apt-get > /dev/null || { [ ${#as[@]} -gt 0 ] && ! command -v sudo > /dev/null; }; then
    echo "need.sh: please install: ${missing[*]}" >&2
    exit 1
fi
echo "installing with apt: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as[@]}" apt-get update -qq
"${as[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}"
