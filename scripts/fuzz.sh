#!/usr/bin/env bash
# Runs every fuzz target of the module for FUZZTIME (default 60s), one after
# the other; stops at the first that finds something.
set -euo pipefail
cd "$(dirname "$0")/.."

time=${FUZZTIME:-60s}
count=0
while IFS=: read -r file target; do
    count=$((count + 1))
    echo "== $target (./$(dirname "$file")) for $time"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "./$(dirname "$file")"
done < <(grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sed -e 's|^\./||' -e 's|func ||' | sort)
[ "$count" -gt 0 ] || { echo "no fuzz target found" >&2; exit 1; }
echo "$count fuzz targets, $time each"
