#!/bin/sh
# web/dist/report.html was built from the web/src beside it. Needs no node.
set -eu

made=$(sed -n 's/.*<meta name="adze-source" content="\([0-9a-f]*\)">.*/\1/p' web/dist/report.html)
now=$(cd web && LC_ALL=C && export LC_ALL && cat build.mjs package-lock.json src/* | sha256sum | cut -d' ' -f1)
if [ "$made" != "$now" ]; then
    echo "web/dist/report.html is older than web/src: run ./dev web" >&2
    exit 1
fi
