#!/bin/sh
# Prints the folder that holds a prebuilt llama.cpp: the npm package pinned in package-lock.json, installed once into
# the user's cache. Exit 77 where node, npm or the package is not to be had; the last line on standard error says why.
set -eu

here=tests/interop

skip() {
    echo "skipped: $*" >&2
    exit 77
}
command -v node >/dev/null 2>&1 || skip "node is not installed"
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] || skip "the package needs node 20 or newer"
command -v npm >/dev/null 2>&1 || skip "npm is not installed"
[ "$(uname -sm)" = "Linux x86_64" ] || skip "the package holds a llama.cpp for Linux on x86-64"

digest=$(sha256sum $here/package-lock.json | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/adze/interop-$digest
if [ ! -f "$cache/ready" ]; then
    mkdir -p "$cache"
    cp $here/package.json $here/package-lock.json "$cache/"
    (cd "$cache" && npm install --no-save --omit=optional --ignore-scripts --no-audit --no-fund --silent) >&2 ||
        skip "npm could not install the package"
    touch "$cache/ready"
fi
printf '%s\n' "$cache"
