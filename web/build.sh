#!/bin/sh
# Rebuilds web/dist/report.html from web/src, with the pinned versions of web/package-lock.json.
# The install is left out where node_modules already fits the lock file.
set -eu
cd "$(dirname "$0")"

for tool in node npm; do
    command -v "$tool" >/dev/null || { echo "web: $tool is missing (Debian: apt-get install nodejs npm)" >&2; exit 6; }
done
if ! cmp -s package-lock.json node_modules/.adze-lock; then
    npm ci --ignore-scripts --no-audit --no-fund
    cp package-lock.json node_modules/.adze-lock
fi
exec node build.mjs
