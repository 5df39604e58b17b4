#!/bin/sh
# run.sh [SECONDS] [TARGET...]: fuzz each target for so long (20), ADZE_FUZZ_JOBS (2) at once, from its seeds and from what was found
# before; ADZE_FUZZ_SEED is the first random number (0: another each time). Inputs that reach something new are kept in build/fuzz/corpus/TARGET; one that crashes, hangs or leaks in
# build/fuzz/crashes/TARGET-KIND-HASH, and then this fails. Executions are added to build/fuzz/counts.txt.
set -eu
cd "$(dirname "$0")/../.."
build=build/fuzz

one() { # NAME SECONDS
    name=$1
    here=tests/fuzz/$name.dict
    [ -f "$here" ] || here=tests/fuzz/json.dict
    rm -rf "$build/seeds/$name"
    mkdir -p "$build/seeds/$name" "$build/corpus/$name" "$build/crashes" "$build/log"
    ADZE_FUZZ_SCRATCH=$(mktemp -d "${SHM:-/tmp}/adze-fuzz.XXXXXX")
    export ADZE_FUZZ_SCRATCH LLVM_PROFILE_FILE=/dev/null
    rc=0
    "$build/fuzz/fuzz_$name" --seeds "$build/seeds/$name"
    "$build/fuzz/fuzz_$name" -seed="${ADZE_FUZZ_SEED:-0}" -max_total_time="$2" -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 -dict="$here" \
        -artifact_prefix="$build/crashes/$name-" "$build/corpus/$name" "$build/seeds/$name" >"$build/log/$name" 2>&1 || rc=$?
    rm -rf "$ADZE_FUZZ_SCRATCH"
    n=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/log/$name")
    printf '%s %s %s\n' "$(date -u +%F)" "$name" "${n:-0}" >>"$build/counts.txt"
    if [ "$rc" = 0 ]; then
        printf '%-12s %9s executions\n' "$name" "$n"
        return 0
    fi
    printf '%-12s FAILED; the input: %s\n' "$name" "$(sed -n 's/.*Test unit written to //p' "$build/log/$name")"
    grep -E -m1 -A12 'not so:|ERROR:|runtime error:' "$build/log/$name" || tail -5 "$build/log/$name"
    return 1
}

if [ "${1:-}" = --one ]; then
    one "$2" "$3"
    exit
fi
seconds=20
case ${1:-} in [0-9]*) seconds=$1 && shift ;; esac
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(sed -n 's/^\([a-z][a-z_0-9]*\) .*/\1/p' tests/fuzz/targets.txt)
SHM=/tmp
[ ! -w /dev/shm ] || SHM=/dev/shm
export SHM
printf '%s\n' "$@" | xargs -P "${ADZE_FUZZ_JOBS:-2}" -I{} sh "$0" --one {} "$seconds"
