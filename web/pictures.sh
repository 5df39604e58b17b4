#!/bin/sh
# Takes pictures of a report for the docs: web/pictures.sh build/demo/report.html docs/images
# Needs Chromium. Leaves report-wide.png, report-wide-dark.png and report-narrow.png in the folder.
set -eu

[ $# = 2 ] || { echo "usage: web/pictures.sh REPORT.html FOLDER" >&2; exit 2; }
report=$(realpath "$1")
mkdir -p "$2"
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT

picture() { # FILE WIDTH HEIGHT SCHEME (0 dark, 1 light)
    chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --hide-scrollbars \
        --user-data-dir="$profile" --blink-settings=preferredColorScheme="$4" --window-size="$2,$3" \
        --virtual-time-budget=4000 --screenshot="$1" "file://$report" >"$profile/log" 2>&1 ||
        { cat "$profile/log" >&2; exit 1; }
    echo "$1"
}

picture "$2/report-wide.png" 1440 1500 1
picture "$2/report-wide-dark.png" 1440 1500 0
picture "$2/report-narrow.png" 390 1500 1
