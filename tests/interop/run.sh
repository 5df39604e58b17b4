#!/bin/sh
# Comparisons with the real frameworks, from registry packages: `./dev interop [--full] [NAME...]`.
# tests/interop/suites.txt names them. A suite's Python packages live in an environment of their own, kept in the
# user's cache under the digest of its pinned requirements, because frameworks' pins exclude each other. Prints what
# passed, failed and was skipped, and why; exit 1 if one failed.
set -eu
cd "$(dirname "$0")/../.."
here=tests/interop
cache=${XDG_CACHE_HOME:-$HOME/.cache}/adze/interop
log=$(mktemp)
trap 'rm -f "$log"' EXIT
full=0
names=
failed=0
for a; do
    case $a in
    --full) full=1 ;;
    -*) echo "usage: ./dev interop [--full] [NAME...]" >&2; exit 2 ;;
    *)
        grep -q "^$a " $here/suites.txt || { echo "no suite \"$a\"; see $here/suites.txt" >&2; exit 2; }
        names="$names $a "
        ;;
    esac
done
export ADZE_BUILD="${ADZE_BUILD:-build/release}"
export ADZE_BIN="${ADZE_BIN:-$ADZE_BUILD/adze}"

# environment FILE: prints the folder of a Python environment with these requirements; fails where it cannot be made
environment() {
    dir=$cache/python-$(sha256sum "$here/$1" | cut -c1-16)
    if [ ! -f "$dir/ready" ]; then
        rm -rf "$dir"
        mkdir -p "$cache"
        if ! { python3 -m venv "$dir" && "$dir/bin/pip" install -q -r "$here/$1"; } >"$log" 2>&1; then
            rm -rf "$dir"
            return 1
        fi
        touch "$dir/ready"
    fi
    printf '%s\n' "$dir"
}

# suite NAME LEVEL REQUIREMENTS COMMAND...
suite() {
    name=$1 level=$2 wants=$3
    shift 3
    case $names in
    '') [ "$level" = ci ] || [ $full = 1 ] || { echo "skipped $name: only with --full"; return; } ;;
    *" $name "*) ;;
    *) return ;;
    esac
    path=$PATH
    if [ "$wants" != - ]; then
        if ! dir=$(environment "$wants"); then
            echo "skipped $name: could not install $wants: $(tail -n 1 "$log")"
            return
        fi
        path=$dir/bin:$PATH
    fi
    began=$(date +%s)
    rc=0
    PATH=$path "$@" >"$log" 2>&1 || rc=$?
    took=$(($(date +%s) - began))
    case $rc in
    0) echo "passed  $name ($took s): $(tail -n 1 "$log")" ;;
    77) echo "skipped $name: $(tail -n 1 "$log")" ;;
    *)
        echo "FAILED  $name ($took s, status $rc)"
        sed 's/^/    /' "$log"
        failed=1
        ;;
    esac
}

while read -r name level wants command; do
    case $name in '' | '#'*) continue ;; esac
    # shellcheck disable=SC2086
    suite "$name" "$level" "$wants" $command </dev/null
done <$here/suites.txt
exit $failed
